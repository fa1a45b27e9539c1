"""What a loss computes: measure, recognise, weigh, name, verify, report, in this order."""

from vae_helpers.audit.loss.entry import audit_loss
from vae_helpers.audit.loss.report import LossAudit
from vae_helpers.known_mistakes.losses import MISTAKES

__all__ = ["MISTAKES", "LossAudit", "audit_loss"]
