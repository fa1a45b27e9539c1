"""The health of a VAE: measured first, then judged by rules, then reported."""

from vae_helpers.audit.health.measure import health_report
from vae_helpers.audit.health.report import HealthReport

__all__ = ["HealthReport", "health_report"]
