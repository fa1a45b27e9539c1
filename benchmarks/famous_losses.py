"""What `audit_loss` says of losses in well-known teaching material; writes docs/audit_your_loss.md.

    python benchmarks/famous_losses.py        # about a minute

The losses are re-worded, none is copied, and they are the same that the tests hold against verdicts
worked out by hand (tests/audit/public_losses.py and more_losses.py).
"""

import math
import sys
from dataclasses import dataclass

import store

from vae_helpers.audit import audit_loss
from vae_helpers.audit.loss.report import number
from vae_helpers.files import write_atomically
from vae_helpers.known_mistakes.losses import MISTAKES, VARIANTS

sys.path.insert(0, str(store.ROOT / "tests" / "audit"))
from more_losses import MORE  # noqa: E402  found by the line above
from public_losses import CASES  # noqa: E402

NAME = "famous_losses"
PAGE = store.ROOT / "docs" / "audit_your_loss.md"


@dataclass(frozen=True)
class Famous:
    """A loss that many have read.

    Attributes:
        title: what it is called.
        links: (words, address) of where it can be read.
        case: the name of its re-wording among the tests' cases.
        words: its two terms.
        shape, latent: where it is audited, when other than in the tests: the material's own.
    """

    title: str
    links: tuple
    case: str
    words: str
    shape: tuple | None = None
    latent: int | None = None


GITHUB = "https://github.com/"
FAMOUS = (
    Famous(
        "Keras, the example of today",
        (("keras.io", "https://keras.io/examples/generative/vae/"),),
        "keras3 ops example",
        "cross-entropy summed over pixels; KL summed over latents",
    ),
    Famous(
        "Keras blog, 2016",
        (("blog.keras.io", "https://blog.keras.io/building-autoencoders-in-keras.html"),),
        "blog.keras.io 2016",
        "mean cross-entropy over pixels; mean over latents",
    ),
    Famous(
        "Chollet, *Deep Learning with Python*, 2nd and 3rd edition",
        (
            (
                "chapter 17",
                GITHUB + "fchollet/deep-learning-with-python-notebooks/blob/master/"
                "chapter17_image-generation.ipynb",
            ),
        ),
        "Chollet, 2nd ed.",
        "cross-entropy summed over pixels; mean of the KL over batch and latents",
    ),
    Famous(
        "Keras, the example of 2020; DeepLearning.AI, *Advanced Techniques*, lab of course 4",
        (
            ("issue 270", GITHUB + "keras-team/keras-io/issues/270"),
            ("course 4, week 3", GITHUB + "https-deeplearning-ai/tensorflow-3-public"),
        ),
        "keras-io 2020 example",
        "784 times the mean cross-entropy; mean of the KL over batch and latents",
    ),
    Famous(
        "Foster, *Generative Deep Learning*, 2nd edition",
        (
            (
                "vae_fashion",
                GITHUB + "davidADSP/Generative_Deep_Learning_2nd_Edition/blob/main/"
                "notebooks/03_vae/02_vae_fashion/vae_fashion.ipynb",
            ),
        ),
        "Foster, 2nd ed., 500 x mean",
        "500 times the mean cross-entropy; KL summed over latents",
    ),
    Famous(
        "Géron, *Hands-On Machine Learning*, 3rd edition",
        (("notebooks", GITHUB + "ageron/handson-ml3"),),
        "Geron TF2, mse",
        "mean squared error; KL summed over latents, divided by 784",
    ),
    Famous(
        "TensorFlow, tutorial *Convolutional Variational Autoencoder*",
        (("tensorflow.org", "https://www.tensorflow.org/tutorials/generative/cvae"),),
        "TF tutorial CVAE, Monte Carlo KL",
        "cross-entropy summed over pixels; log q(z given x) - log p(z) at one sample",
    ),
    Famous(
        "TensorFlow Probability, *Probabilistic Layers: VAE*",
        (
            (
                "notebook",
                GITHUB + "tensorflow/probability/blob/main/tensorflow_probability/examples/"
                "jupyter_notebooks/Probabilistic_Layers_VAE.ipynb",
            ),
        ),
        "TFP layers, KL registered twice",
        "cross-entropy summed over pixels; the regulariser that adds the KL is registered twice",
    ),
    Famous(
        "PyTorch's examples",
        (("main.py", GITHUB + "pytorch/examples/blob/main/vae/main.py"),),
        "pytorch/examples, sums",
        "cross-entropy and KL, both summed over everything in the batch",
    ),
    Famous(
        "PyTorch-VAE, `VanillaVAE`",
        (("vanilla_vae.py", GITHUB + "AntixK/PyTorch-VAE/blob/master/models/vanilla_vae.py"),),
        "PyTorch-VAE vanilla, RGB",
        "mean squared error; 0.00025 times the KL summed over latents",
        shape=(64, 64, 3),
        latent=128,
    ),
    Famous(
        "Ha & Schmidhuber, *World Models*",
        (
            (
                "vae.py",
                GITHUB + "hardmaru/WorldModelsExperiments/blob/master/carracing/vae/vae.py",
            ),
        ),
        "hardmaru, kl_tolerance",
        "squared error summed over pixels; KL summed over latents, floored at 0.5 nats a latent",
    ),
    Famous(
        "MIT 6.S191, lab 2",
        (("introtodeeplearning", GITHUB + "MITDeepLearning/introtodeeplearning"),),
        "6.S191 lab 2, absolute error",
        "mean absolute error; 0.0005 times the KL summed over latents",
    ),
)


def main():
    cases = {case.name: case for case in (*CASES, *MORE)}
    rows = [row(famous, audit(famous, cases[famous.case])) for famous in FAMOUS]
    text = PAGE.read_text(encoding="utf-8")
    write_atomically(PAGE, store.between(text, NAME, table(rows)))


def audit(famous, case):
    """Return the audit of a loss at the material's own shape."""
    shape, latent = famous.shape or case.shape, famous.latent or case.L
    return audit_loss(case.loss, shape, latent, takes_probabilities=case.probs, head=case.head)


def row(famous, found):
    """Return the cells of one loss: what it is, its beta, its terms, what was found."""
    links = ", ".join(f"[{words}]({address})" for words, address in famous.links)
    return [f"{famous.title} ({links})", beta(found), famous.words, verdict(found)]


def verdict(found):
    """Return what an audit found, in a line: mistakes, choices, or that it is the ELBO."""
    said = [MISTAKES[code][0] for code in found.mistakes]
    said += [f"a choice: {VARIANTS[code]}" for code in found.variants]
    if not said:
        said = ["the ELBO" if found.is_elbo else "no mistake"]
    if math.isfinite(found.sigma):
        said.append(f"as a Gaussian decoder, sigma is {found.sigma:.3g}")
    return "; ".join(said).replace("|", r"\|")


def beta(found):
    """Return the effective beta as a cell."""
    return number(found.effective_beta) if math.isfinite(found.effective_beta) else "not defined"


def table(rows):
    """Return rows as a Markdown table."""
    head = ["material", "effective beta", "its two terms", "what `audit_loss` says"]
    lines = [head, ["---", "--:", "---", "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
