"""Synthetic letters in colour, of any size: images with known factors for 64 x 64 x 3 and more."""

import numpy as np

from vae_helpers.data.synthetic import synthetic_letters

# Factor -> the interval from which it is sampled, evenly.
COLOUR_FACTORS = {
    "ink_hue": (0.0, 1.0),  # once around the colour circle, from red to red
    "ink_value": (0.15, 0.6),  # brightness of the ink's strongest channel
    "paper_hue": (0.0, 1.0),
    "paper_value": (0.75, 1.0),
    "light": (-0.2, 0.2),  # how much brighter the right edge is than the middle
}
INK_SATURATION, PAPER_SATURATION = 0.85, 0.25


def colour_letters(
    n: int, seed: int = 0, labels=None, side: int = 64, grain: float = 0.02, **fixed
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return images of capital letters in coloured ink on tinted paper, lit from one side.

    Args:
        n: how many images, at least 1.
        seed: the same seed gives the same images.
        labels: 0 (A) to 25 (Z), one number or shape (n,). Default: all equally often, shuffled.
        side: height and width of the images.
        grain: standard deviation of the noise of every value, as of a camera, from 0 to 1; no code
            can know it, so no picture comes nearer to the image than this (root mean square).
        fixed: factors that are not sampled, each a number or of shape (n,): those of
            `synthetic_letters`, and ink_hue, ink_value, paper_hue, paper_value, light.

    Returns:
        images uint8 (n, side, side, 3), labels uint8 (n,), factors {name: (n,)}.

    Raises:
        ValueError: if a factor is unknown, or a value has the wrong shape or range.
    """
    from matplotlib.colors import hsv_to_rgb

    rng = np.random.default_rng([seed, 3])
    colours = {name: rng.uniform(*ends, size=n) for name, ends in COLOUR_FACTORS.items()}
    for name in COLOUR_FACTORS.keys() & fixed.keys():
        colours[name] = np.broadcast_to(np.asarray(fixed.pop(name), float), (n,)).copy()
    masks, labels, factors = synthetic_letters(n, seed, labels, side, **({"noise": 0.0} | fixed))

    def rgb(part, saturation):
        hsv = colours[f"{part}_hue"], np.full(n, saturation), colours[f"{part}_value"]
        return hsv_to_rgb(np.clip(np.stack(hsv, axis=-1), 0, 1)).astype("float32")

    ink, paper = rgb("ink", INK_SATURATION), rgb("paper", PAPER_SATURATION)
    across = np.linspace(-1, 1, side, dtype="float32")
    images, noise = np.empty((n, side, side, 3), np.uint8), np.random.default_rng([seed, 4])
    for i, mask in enumerate(masks):  # one by one: floats of all would take 16 times the memory
        share = mask[..., None] / np.float32(255)
        picture = paper[i] + share * (ink[i] - paper[i])
        picture *= (1 + np.float32(colours["light"][i]) * across)[:, None]
        picture += np.float32(grain) * noise.standard_normal(picture.shape, np.float32)
        images[i] = np.round(255 * np.clip(picture, 0, 1))
    return images, labels, factors | colours
