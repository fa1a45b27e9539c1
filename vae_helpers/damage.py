"""The old name of `corruptions`, for one edition."""

from vae_helpers.corruptions import CORRUPTIONS as DAMAGES  # noqa: F401
from vae_helpers.corruptions import blot, blur, break_strokes, speckle  # noqa: F401
