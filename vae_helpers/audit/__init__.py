"""What a loss really computes, when a model must collapse, and whether a trained one is well."""

from vae_helpers.audit.collapse import CriticalBeta, critical_beta
from vae_helpers.audit.health import HealthReport, health_report
from vae_helpers.audit.loss import audit_loss
from vae_helpers.audit.report import MISTAKES, LossAudit

__all__ = [
    "MISTAKES",
    "CriticalBeta",
    "HealthReport",
    "LossAudit",
    "audit_loss",
    "critical_beta",
    "health_report",
]
