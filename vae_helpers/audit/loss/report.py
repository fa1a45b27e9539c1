"""`LossAudit`: what the audit of a loss found, to be read by people and by programs."""

from __future__ import annotations

import html
from dataclasses import dataclass

from vae_helpers.known_mistakes.losses import MISTAKES

NOT_SEEN = (
    "Only the loss was looked at. How z is sampled, and what the decoder makes of it, is for "
    "health_report."
)


def number(value: float) -> str:
    """A weight to four digits, with the fraction it is where that is a plain one."""
    if value and abs(value) < 0.995 and abs(1 / value - round(1 / value)) < 1e-3 * abs(1 / value):
        return f"{value:.4g} (1/{round(1 / value)})" if value > 0 else f"{value:.4g}"
    return f"{value:.4g}"


@dataclass(frozen=True)
class LossAudit:
    """What a loss computes, found by probing it.

    Attributes:
        is_elbo: the loss is the negative ELBO in nats, mean over images, up to a constant that
            `notes` name.
        reconstruction: "bernoulli", "continuous_bernoulli", "gaussian" (with its normaliser),
            "squared_error" (without), "none" or "unknown".
        kl: "gaussian", "log_var_as_variance", "log_var_as_std", "reversed",
            "keras_kl_divergence", "none" or "unknown".
        reconstruction_weight: signed; 1.0 = nats per image, mean over images, at the shape asked
            for. For a squared error 1.0 = half the sum of squares, sigma = 1. NaN when unknown.
            Where both terms add images up, this common factor is left out; where one does, its
            weight is quoted at a batch of 128.
        kl_weight: the same for the KL.
        effective_beta: kl_weight / reconstruction_weight.
        images: "mean" or "sum": what is done with images (a value for each image counts as mean).
        mistakes: tuple of codes, the keys of `MISTAKES`; empty when nothing is wrong. A weight
            of the KL such as beta = 4 is no mistake.
        notes: tuple of sentences.
        residual: share of the loss's variation (0 to 1) that the description above does not
            explain; where a term is unknown, what the nearest known one leaves.
        reconstruction_text, kl_text: the terms in words.
        in_graph: None where the loss does the same inside a `tf.function`, as under `fit`;
            otherwise the audit of what it does there. `mistakes` then holds those of both.
    """

    is_elbo: bool
    reconstruction: str
    kl: str
    reconstruction_weight: float
    kl_weight: float
    effective_beta: float
    images: str
    mistakes: tuple
    notes: tuple
    residual: float
    reconstruction_text: str
    kl_text: str
    in_graph: LossAudit | None = None

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.is_elbo:
            return "This is the negative ELBO, in nats per image" + (
                ", up to a constant." if "constant_offset" in self.mistakes else "."
            )
        if not self.mistakes:
            return "This is not the ELBO, but a weighted form of it; no mistake was found."
        return "This is not the ELBO: " + ", ".join(self.mistakes) + "."

    def _rows(self):
        yield (
            "reconstruction",
            f"{self.reconstruction_text}; weight {number(self.reconstruction_weight)}",
        )
        yield "KL", f"{self.kl_text}; weight {number(self.kl_weight)}"
        yield "images", {"mean": "averaged", "sum": "added up"}.get(self.images, self.images)
        yield "effective beta", f"{self.effective_beta:.4g}"
        share = "under 0.01%" if self.residual < 1e-4 else f"{100 * self.residual:.2g}%"
        yield "unexplained", f"{share} of how the loss varies"
        for code in self.mistakes:
            what, cure = MISTAKES[code]
            yield f"mistake {code}", f"{what}. Cure: {cure}."
        for note in self.notes:
            yield "note", note

    def __str__(self):
        return "\n".join([self.verdict, *(f"  {name}: {text}" for name, text in self._rows())])

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self._rows()
        )
        return f"<table><caption>{html.escape(self.verdict)}</caption>{rows}</table>"
