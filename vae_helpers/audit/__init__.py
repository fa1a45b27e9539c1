"""What a loss really computes, when a model must collapse, and whether a trained one is well."""

import importlib

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
    "audit_model",
    "critical_beta",
    "health_report",
]

_HOME = {"audit_model": "model"}  # loaded when it is asked for


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
