"""What is left of a loss once its two terms are taken away: a constant, and what it is."""

from __future__ import annotations

import math

import numpy as np

from vae_helpers.known_mistakes import losses as terms
from vae_helpers.audit.loss.recognise import FLOAT32, LOGITS, X
from vae_helpers.audit.loss.probe import BATCH, measure


class Offset:
    """What is left of the loss once both terms are taken away: a constant, or a function of x."""

    def __init__(self, probe, pixels, codes):
        self.pixels, self.codes = pixels, codes
        self.size, self.latent_dim = math.prod(probe.image_shape), probe.latent_dim
        self.weights = (pixels.weight, codes.weight)  # raw, before they are named
        self.by_x = None
        self.level = 0.0
        if not (pixels.known and codes.known) or "unknown" in (pixels.kind, codes.kind):
            return
        low, high = pixels.term.domain or (-1, 1)
        logits = [value for value in LOGITS if low < value < high][:3]
        v = 0.4
        rows = [[measure(probe, x, logit, 0.3, v) for logit in logits] for x in X]
        explained = [[self.explain(x, logit, 0.3, v) for logit in logits] for x in X]
        self.by_x = np.mean(np.array(rows) - np.array(explained), axis=1)
        self.level = float(np.max(np.abs(rows)))

    def explain(self, x, logits, m, v):
        """The two terms at a point of equal entries."""
        pixel, code = self.weights
        return float(
            pixel * self.size * self.pixels.term.function(np.float64(x), np.float64(logits))
            + code * self.latent_dim * self.codes.term.function(np.float64(m), np.float64(v))
        )

    def at(self, x):
        """The offset of a batch of random images: linear in between the measured values of x."""
        return float(np.mean(np.interp(x, X, self.by_x)))

    def tolerance(self):
        pixel, code = map(abs, self.weights)
        # What a small epsilon in a logarithm leaves of a fit, it also shifts its weight by.
        epsilons = (1e-5 + self.pixels.residual) * pixel * self.size
        epsilons += (1e-4 + self.codes.residual) * code * self.latent_dim
        return 1e-7 + epsilons + 20 * FLOAT32 * self.level

    def name(self):
        """Notes on the offset, and whether it is one that does not belong there."""
        if self.by_x is None or not np.all(np.isfinite(self.by_x)):
            return [], False
        pixel, code = self.weights
        if self.pixels.x_scale != (1.0, 0.0):
            return [], False
        if np.ptp(self.by_x) > 3 * self.tolerance():
            entropy = -pixel * self.size * terms.binary_entropy(X)
            if np.allclose(self.by_x, entropy, atol=5 * self.tolerance()):
                return [
                    "The entropy of the grey pixels is subtracted: the reconstruction is a "
                    "divergence, lower by a constant of the data."
                ], True
            return ["A function of the images alone is added; no gradient sees it."], True
        offset = float(np.mean(self.by_x))
        if self.pixels.kind == "squared_error":
            return self._normaliser(offset)
        if abs(offset) <= self.tolerance():
            return [], False
        if math.isclose(offset, code * self.latent_dim / 2, rel_tol=0.02):
            why = f"the KL's -1 is missing, {self.latent_dim} times {abs(code) / 2:.3g}"
        else:
            why = "a constant"
        offset /= BATCH ** self.pixels.batch_power()
        return [f"The loss is {offset:+.4g} off: {why}."], True

    def _normaliser(self, offset):
        """A squared error is a Gaussian's; which constant of it is there?"""
        pixels = self.pixels
        # Sums over images and averages over pixels scale the constant as they scale the weight.
        scale = BATCH ** pixels.batch_power() / pixels.divisor
        offset, tolerance = offset / scale, self.tolerance() / scale
        sigma = (abs(self.weights[0]) / scale) ** -0.5
        constant, width = 0.5 * self.size * math.log(2 * math.pi), self.size * math.log(sigma)
        about = f"Read as a Gaussian{'' if scale == 1 else ', once summed'}, sigma is {sigma:.4g}"
        if abs(offset) <= tolerance:
            missing = f"{constant + width:.4g} nats, {self.size} (log sigma + log(2 pi) / 2)"
            return [f"{about}; the normaliser, {missing}, is left out."], False
        if math.isclose(offset, constant + width, rel_tol=2e-3):
            pixels.kind = "gaussian"
            pixels.text = "minus the log density of a Gaussian, normaliser included"
            return [f"{about}."], False
        if math.isclose(offset, width, rel_tol=2e-3):
            pixels.kind = "gaussian"
            pixels.text = "minus the log density of a Gaussian, with a part of its normaliser"
            return [f"{about}; the log(2 pi) / 2 of each pixel is left out."], False
        why = "a constant that is not the normaliser of a Gaussian"
        if math.isclose(offset * scale, self.weights[1] * self.latent_dim / 2, rel_tol=0.02):
            why = f"the KL's -1 is missing, {self.latent_dim} times {abs(self.weights[1]) / 2:.3g}"
        return [f"{about}. The loss is {offset:+.4g} off: {why}."], True
