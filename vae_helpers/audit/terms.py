"""The list of loss mistakes under its old name; see `vae_helpers.known_mistakes.losses`."""

from vae_helpers.known_mistakes.kls import *  # noqa: F403
from vae_helpers.known_mistakes.losses import *  # noqa: F403
