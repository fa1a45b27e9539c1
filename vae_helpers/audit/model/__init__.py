"""`audit_model`: the audit of a loss that sits inside a Keras model.

read        `audit_model`: run the model's loss with crafted codes and outputs, and audit it
objective   which loss a model minimises, and how it is run
seams       where z_mean, z_log_var and the output can be replaced
watch       the calls of a run, recorded
instrument  calls intercepted, noise known, everything restored
"""

from vae_helpers.audit.model.read import audit_model

__all__ = ["audit_model"]
