"""The old name of `data.synthetic`, for one edition."""

from vae_helpers.data.synthetic import (  # noqa: F401
    FONTS,
    GARMENT_FACTORS,
    GARMENTS,
    LETTER_FACTORS,
    LETTERS,
    SIDE,
    STRIPE_PIXELS,
    draw_garments,
    draw_letters,
)
