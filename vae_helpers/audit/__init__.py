"""What a loss really computes, when a model must collapse, and whether a trained one is well."""

import importlib

# Name -> module of this package; imported when it is asked for, so that `critical_beta` alone does
# not import the audit of losses.
_HOME = {
    "MISTAKES": "loss",
    "CriticalBeta": "collapse",
    "HealthReport": "health",
    "LossAudit": "loss",
    "Mode": "mode",
    "audit_loss": "loss",
    "audit_model": "model",
    "critical_beta": "collapse",
    "health_report": "health",
    "strongest_mode": "mode",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOME})
