"""`LossAudit`: what the audit of a loss found, to be read by people and by programs."""

import math
from dataclasses import dataclass, field

from vae_helpers.audit.findings import as_table, as_text
from vae_helpers.audit.loss.cure import Cure, cure_of
from vae_helpers.audit.loss.tolerances import SAME
from vae_helpers.audit.loss.verify import Verified
from vae_helpers.audit.loss.weigh import GAUSSIAN
from vae_helpers.known_mistakes.losses import MISTAKES, VARIANTS

NOT_SEEN = (
    "Only the loss was looked at. How z is sampled, and what the decoder makes of it, is for "
    "health_report."
)
HARMLESS = {"constant_offset"}  # mistakes that leave a loss the ELBO, up to a constant
STILL_ELBO = {"learned_sigma"}  # choices that do


def number(value: float) -> str:
    """Return a weight to four digits, with the fraction it is where that is a plain one."""
    if value and abs(value) < 0.995 and abs(1 / value - round(1 / value)) < 1e-3 * abs(1 / value):
        return f"{value:.4g} (1/{round(1 / value)})" if value > 0 else f"{value:.4g}"
    return f"{value:.4g}"


@dataclass(frozen=True)
class LossAudit:
    """What a loss computes, found by probing it.

    Attributes:
        is_elbo: the loss is the negative ELBO in nats, mean over images, of a Bernoulli, a
            continuous Bernoulli or a Gaussian decoder (of the sigma that its weight means, up to
            1), beside the prior N(0, 1); up to a constant that `notes` name.
        reconstruction: "bernoulli", "continuous_bernoulli", "gaussian" (with its normaliser),
            "squared_error" (without), "laplace", "weighted_bernoulli", "categorical",
            "optimal_sigma", "root_squared_error", "none" or "unknown".
        kl: "gaussian", "log_var_as_variance", "log_var_as_std", "head_as_log_var", "reversed",
            "keras_kl_divergence", "free_bits", "capacity", "other_prior", "monte_carlo", "none"
            or "unknown".
        reconstruction_weight: signed; 1.0 = nats per image, mean over images, at the shape asked
            for. For a squared error 1.0 = half the sum of squares, sigma = 1. NaN when unknown.
            Where both terms add images up, this common factor is left out; where one does, its
            weight is quoted at a batch of 128, or of `batch_size`.
        kl_weight: the same for the KL.
        effective_beta: kl_weight / reconstruction_weight.
        images: "mean" or "sum": what is done with images (a value for each image counts as mean).
        mistakes: tuple of codes, the keys of `MISTAKES`; empty when nothing is wrong. A weight
            of the KL such as beta = 4 is no mistake.
        notes: tuple of sentences.
        residual: share of the loss's variation (0 to 1) that the description above does not
            explain; where a term is unknown, what the nearest known one leaves.
        reconstruction_text, kl_text: the terms, as the end of a sentence.
        in_graph: None where the loss does the same inside a `tf.function`, as under `fit`;
            otherwise the audit of what it does there. `mistakes` then holds those of both.
        variants: tuple of codes of `VARIANTS`: deliberate choices, no mistakes.
        cure: what makes it the ELBO: factors of both terms, or which term to write anew.
        sigma: of the Gaussian decoder that a squared error means beside this KL, else NaN.
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
    in_graph: "LossAudit | None" = None
    variants: tuple = ()
    cure: Cure = field(default_factory=Cure)
    sigma: float = math.nan

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.is_elbo:
            return "This is the negative ELBO, in nats per image" + (
                ", up to a constant." if "constant_offset" in self.mistakes else "."
            )
        if self.mistakes:
            return "This is not the ELBO: " + ", ".join(self.mistakes) + "."
        if self.variants:
            chosen = ", ".join(self.variants)
            return f"This is a variant of the ELBO: {chosen}; no mistake was found."
        return "This is not the ELBO, but a weighted form of it; no mistake was found."

    def _rows(self):
        yield (
            "reconstruction",
            f"{self.reconstruction_text}; weight {number(self.reconstruction_weight)}",
        )
        yield "KL", f"{self.kl_text}; weight {number(self.kl_weight)}"
        yield "images", {"mean": "averaged", "sum": "added up"}.get(self.images, self.images)
        beta = f"{self.effective_beta:.4g}"
        if self.is_elbo and not math.isclose(self.effective_beta, 1, rel_tol=SAME):
            beta += f" relative to sigma 1; 1 for a Gaussian decoder of sigma {self.sigma:.4g}"
        yield "effective beta", beta
        percent = 100 * self.residual
        share = f"{percent:.2g}%" if percent < 10 else f"{percent:.0f}%"
        share = "under 0.01%" if self.residual < 1e-4 else share
        yield "unexplained", f"{share} of how the loss varies"
        for code in self.mistakes:
            what, cure = MISTAKES[code]
            yield f"mistake {code}", f"{what}. Cure: {cure}."
        if self.cure.words:
            yield "in numbers", f"{self.cure.words}."
        for code in self.variants:
            yield f"variant {code}", f"{VARIANTS[code]}. A choice, no mistake."
        for note in self.notes:
            yield "note", note

    def __str__(self):
        return as_text(self.verdict, self._rows())

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return as_table(self.verdict, self._rows())


def report(verified: Verified) -> LossAudit:
    """Return the audit that a verified loss amounts to."""
    named, weighed = verified.named, verified.named.weighed
    mistakes = verified.mistakes
    dropped = set(weighed.pixels.notes) if verified.forgiven else set()
    notes = [note for note in named.notes if note not in dropped]
    weights = [
        math.nan if kind in ("unknown", "root_squared_error") else weight
        for kind, weight in (
            (named.pixel_kind, weighed.pixel_weight),
            (weighed.codes.kind, weighed.code_weight),
        )
    ]
    return LossAudit(
        is_elbo=_is_elbo(verified),
        reconstruction=named.pixel_kind,
        kl=weighed.codes.kind,
        reconstruction_weight=weights[0],
        kl_weight=weights[1],
        effective_beta=_ratio(weights[1], weights[0]),
        images="sum" if weighed.batch.is_sum else "mean",
        mistakes=mistakes,
        notes=tuple(dict.fromkeys((*notes, *verified.notes))),
        residual=verified.residual,
        reconstruction_text=named.pixel_text,
        kl_text=weighed.codes.text,
        variants=named.variants,
        cure=cure_of(verified),
        sigma=weighed.sigma,
    )


def _ratio(kl_weight, reconstruction_weight):
    if reconstruction_weight:
        return kl_weight / reconstruction_weight
    return math.nan if not kl_weight else math.copysign(math.inf, kl_weight)


def _is_elbo(verified):
    named, weighed = verified.named, verified.named.weighed
    if set(verified.mistakes) - HARMLESS or set(named.variants) - STILL_ELBO:
        return False
    if weighed.codes.kind != "gaussian" or not weighed.common:
        # A normalised Gaussian says its own sigma, however wide.
        return False
    right = math.isclose(weighed.code_weight, 1, rel_tol=SAME)
    if named.pixel_kind in GAUSSIAN:
        return right and weighed.pixel_weight > 0
    return right and math.isclose(weighed.pixel_weight, 1, rel_tol=SAME)


def hopeless(note: str, mistakes: tuple) -> LossAudit:
    """Return the audit of a loss of which nothing can be said."""
    nothing = {"reconstruction_weight": math.nan, "kl_weight": math.nan, "effective_beta": math.nan}
    return LossAudit(
        is_elbo=False,
        reconstruction="unknown",
        kl="unknown",
        **nothing,
        images="mean",
        mistakes=mistakes,
        notes=(note,),
        residual=1.0,
        reconstruction_text="unknown",
        kl_text="unknown",
        cure=Cure(replace=("reconstruction", "kl")),
    )
