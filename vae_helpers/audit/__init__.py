"""What a loss really computes, when a model must collapse, and whether a trained one is well."""

from vae_helpers.audit.collapse import CriticalBeta, critical_beta
from vae_helpers.audit.health import HealthReport, health_report
from vae_helpers.audit.loss import audit_loss
from vae_helpers.audit.model import audit_model
from vae_helpers.audit.report import MISTAKES, LossAudit

__all__ = [
    "MISTAKES",
    "CriticalBeta",
    "HealthReport",
    "LossAudit",
    "audit_loss",
    "audit_model",
    "critical_beta",
    "health_report",
]
