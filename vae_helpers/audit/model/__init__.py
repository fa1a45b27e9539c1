"""`audit_model`: the audit of a loss that sits inside a Keras model.

read        `audit_model`: have the model's loss audited as a function of four arguments
objective   which loss a model minimises, and how it is run
symbols     what a loss reads from outside, where that is a Keras symbol
watch       the calls of a run, recorded
codes       which outputs are z_mean and z_log_var
seams       which calls are replaced
stand_in    a run of the loss with crafted numbers in their place
instrument  calls intercepted, noise known, everything restored
"""

from vae_helpers.audit.model.read import audit_model

__all__ = ["audit_model"]
