"""Notebook 12: parts that attend, and their equals in training time and in parameters."""

import dataclasses
from dataclasses import dataclass

from methods.method import Method, of_recipe, plain
from vae_helpers.attention import AttentiveConvEncoder, PatchDecoder, PatchEncoder
from vae_helpers.benchmark import PLAIN
from vae_helpers.recipes import BENCHMARK, Recipe


@dataclass(frozen=True)
class Patches(Recipe):
    """A recipe whose parts are those of `attention`, of patches of 7 x 7 pixels."""

    summaries: int = 0
    memory: int = 0

    def encoder(self):
        return PatchEncoder(summaries=self.summaries)

    def decoder(self, image_shape=(28, 28, 1)):
        return PatchDecoder(memory=self.memory, image_shape=image_shape)


@dataclass(frozen=True)
class ConvolutionAndAttention(Recipe):
    """A recipe of convolutions, with self-attention on the encoder's grid of 7 x 7 cells."""

    def encoder(self):
        return AttentiveConvEncoder(self.filters, *self.hidden)


CONVOLUTION = BENCHMARK["Fashion-MNIST", "convolution"]
PATCHES = Patches(16, (), epochs=4, learning_rate=6e-3)


METHODS = [
    Method(PLAIN, "patches", of_recipe(PATCHES)),
    Method(
        PLAIN,
        "patches with queries",
        of_recipe(dataclasses.replace(PATCHES, summaries=8, memory=8)),
    ),
    Method(f"{PLAIN}, 12 passes", "small MLP", plain(epochs=12)),
    Method(PLAIN, "MLP 96-64", plain(hidden=(96, 64))),
    Method(
        PLAIN,
        "convolution and attention",
        of_recipe(ConvolutionAndAttention(**dataclasses.asdict(CONVOLUTION))),
    ),
]
