"""What is left of a loss once its two terms are taken away: a constant, and what it is."""

from __future__ import annotations

import math

import numpy as np

from vae_helpers.audit import terms
from vae_helpers.audit.match import LOGITS, X
from vae_helpers.audit.probe import BATCH, measure


class Offset:
    """What is left of the loss once both terms are taken away: a constant, or a function of x."""

    def __init__(self, probe, pixels, codes, quiet):
        self.pixels, self.codes, self.quiet = pixels, codes, quiet
        self.size, self.latent_dim = math.prod(probe.image_shape), probe.latent_dim
        self.weights = (pixels.weight, codes.weight)  # raw, before they are named
        self.by_x = None
        if not (pixels.known and codes.known):
            return
        low, high = pixels.term.domain or (-2.6, 2.6)
        logits = [value for value in LOGITS if low < value < high][:3]
        v = 0.4
        rows = [[measure(probe, x, logit, 0.3, v) for logit in logits] for x in X]
        explained = [[self.explain(x, logit, 0.3, v) for logit in logits] for x in X]
        self.by_x = np.mean(np.array(rows) - np.array(explained), axis=1)

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
        return 1e-6 + 1e-4 * pixel * self.size + 5e-3 * code * self.latent_dim

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
            why = "a number that depends on nothing"
        return [f"The loss is {offset:+.4g} off: {why}."], True

    def _normaliser(self, offset):
        """A squared error is a Gaussian's; which constant of it is there?"""
        pixels = self.pixels
        inverse_variance = abs(self.weights[0]) * pixels.divisor / (BATCH if pixels.summed() else 1)
        scale = abs(self.weights[0]) / inverse_variance  # averages divide the constant as well
        sigma = inverse_variance**-0.5
        constant = 0.5 * self.size * scale * math.log(2 * math.pi)
        width = self.size * scale * math.log(sigma)
        sigma_text = f"As a Gaussian's, its sigma is {sigma:.4g}"
        if math.isclose(offset, constant + width, rel_tol=2e-3, abs_tol=self.tolerance()):
            pixels.kind = "gaussian"
            pixels.text = pixels.text.replace("half the squared error", "a Gaussian around the")
            pixels.text = "minus the log density of a Gaussian, normaliser included"
            return [sigma_text + "."], False
        missing = f"{constant + width:.4g} nats, {self.size} (log sigma + log(2 pi) / 2)"
        if abs(offset) <= self.tolerance():
            return [f"{sigma_text}; the normaliser, {missing}, is left out."], False
        if math.isclose(offset, width, rel_tol=2e-3, abs_tol=self.tolerance()):
            pixels.kind = "gaussian"
            return [f"{sigma_text}; the log(2 pi) / 2 of each pixel is left out."], False
        if math.isclose(offset, self.weights[1] * self.latent_dim / 2, rel_tol=0.02):
            why = f"the KL's -1 is missing, {self.latent_dim} times {abs(self.weights[1]) / 2:.3g}"
        else:
            why = "neither nothing nor the normaliser of a Gaussian"
        return [f"{sigma_text}. The loss is {offset:+.4g} off: {why}."], True
