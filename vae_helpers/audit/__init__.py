"""What a loss really computes, when a model must collapse, and whether a trained one is well."""

import importlib

# Name -> module that has it; imported when it is asked for, so that `critical_beta` alone does not
# import the audit of losses.
PLACES = {
    "MISTAKES": "vae_helpers.known_mistakes.losses",
    "CriticalBeta": "vae_helpers.audit.collapse",
    "HealthReport": "vae_helpers.audit.health",
    "LossAudit": "vae_helpers.audit.loss",
    "audit_loss": "vae_helpers.audit.loss",
    "critical_beta": "vae_helpers.audit.collapse",
    "health_report": "vae_helpers.audit.health",
}

__all__ = [  # noqa: F822
    "MISTAKES",
    "CriticalBeta",
    "HealthReport",
    "LossAudit",
    "audit_loss",
    "critical_beta",
    "health_report",
]


def __getattr__(name):
    if name in PLACES:
        return getattr(importlib.import_module(PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *PLACES})
