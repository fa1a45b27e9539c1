"""Attention for a VAE: parts that treat a picture as a set of patches.

`PatchEncoder` and `PatchDecoder` are a small vision transformer that keeps the contracts of
`parts.Encoder` and `parts.Decoder`; `AttentiveConvEncoder` is `parts.ConvEncoder` with
self-attention on its grid. A token is a vector that stands for one patch of the picture:

    encoder   images -> patches -> tokens (batch, tokens, width) -> features (batch, n)
    decoder   z -> tokens, or a memory that a query of each patch looks at -> patches -> logits

Source: Vaswani et al. (2017), arXiv:1706.03762; patches as tokens: Dosovitskiy et al. (2021),
    arXiv:2010.11929; learned queries that summarise a set: Lee et al. (2019), arXiv:1810.00825.
"""

import math

import keras
import tensorflow as tf

from vae_helpers.parts import ConvEncoder
from vae_helpers.precision import stack


def patches_of(images, patch: int) -> tf.Tensor:
    """Cut images into squares of patch x patch pixels.

    Args:
        images: (batch, height, width, channels).
        patch: side of a patch in pixels; it divides height and width.

    Returns:
        (batch, tokens, patch * patch * channels): patches row by row from the top left, the pixels
        of each row by row too.

    Raises:
        ValueError: if the patch does not divide both sides.
    """
    rows, columns = _grid(images.shape[1:], patch)
    channels = images.shape[-1]
    cells = tf.reshape(images, (-1, rows, patch, columns, patch, channels))
    cells = tf.transpose(cells, (0, 1, 3, 2, 4, 5))
    return tf.reshape(cells, (-1, rows * columns, patch * patch * channels))


def pictures_of(patches, patch: int, image_shape: tuple) -> tf.Tensor:
    """Lay patches out as pictures, (batch, *image_shape): the inverse of `patches_of`.

    Raises:
        ValueError: if the patch does not divide both sides.
    """
    rows, columns = _grid(image_shape, patch)
    cells = tf.reshape(patches, (-1, rows, columns, patch, patch, image_shape[-1]))
    return tf.reshape(tf.transpose(cells, (0, 1, 3, 2, 4, 5)), (-1, *image_shape))


@keras.saving.register_keras_serializable(package="vae_helpers")
class AttentionBlock(keras.layers.Layer):
    """One block of a transformer: tokens look at a memory, at each other, then change one by one.

    Each step is computed from layer-normalised tokens and added to them.

    Args:
        heads: number of attention heads; they share the width of the tokens.
        has_memory: whether `call` is given a memory to look at; without one that step is left out.
    """

    def __init__(self, heads, has_memory=False, **kwargs):
        super().__init__(**kwargs)
        self.heads = int(heads)
        self.has_memory = bool(has_memory)

    def build(self, tokens_shape, memory_shape=None):
        width = tokens_shape[-1]
        if self.has_memory:
            self.cross_norm = _norm(self, tokens_shape)
            self.cross_attention = _attention(self, tokens_shape, memory_shape)
        self.self_norm = _norm(self, tokens_shape)
        self.self_attention = _attention(self, tokens_shape, tokens_shape)
        self.each_norm = _norm(self, tokens_shape)
        self.each = stack(
            self, [keras.layers.Dense(2 * width, activation="silu"), keras.layers.Dense(width)]
        )
        self.each.build(tokens_shape)

    def call(self, tokens, memory=None, training=False, return_attention_scores=False):
        """Return tokens of the same shape, (batch, tokens, width).

        Args:
            tokens: (batch, tokens, width).
            memory: (batch, rows, width), where the block has one.
            training: as in Keras.
            return_attention_scores: whether to return (tokens, scores). Scores are {"self": (batch,
                heads, tokens, tokens), "cross": (batch, heads, tokens, rows)}: who looks at whom,
                each row adding up to 1.
        """
        scores = {}

        def looked(attention, queries, at, name):
            if return_attention_scores:
                seen, scores[name] = attention(queries, at, return_attention_scores=True)
                return seen
            return attention(queries, at, training=training)

        if self.has_memory:
            tokens += looked(self.cross_attention, self.cross_norm(tokens), memory, "cross")
        normed = self.self_norm(tokens)
        tokens += looked(self.self_attention, normed, normed, "self")
        tokens += self.each(self.each_norm(tokens), training=training)
        return (tokens, scores) if return_attention_scores else tokens

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "has_memory": self.has_memory}


@keras.saving.register_keras_serializable(package="vae_helpers")
class PatchEncoder(keras.layers.Layer):
    """Images to features: patches look at each other, then all are read, or a few summaries.

    Args:
        patch: side of a patch in pixels; it divides both sides of the images.
        width: numbers in a token.
        heads: attention heads; they divide the width.
        blocks: number of `AttentionBlock`s.
        summaries: learned queries that look at the tokens at the end; 0 reads all tokens instead.
        units: width of the dense layer that ends it.
    """

    prefers_jit_on_cpu = True  # XLA makes blocks of small tokens 1.3 to 1.8 times faster

    def __init__(
        self, patch=7, width=32, heads=2, blocks=1, summaries=0, units=128, **kwargs
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.patch, self.width, self.heads = int(patch), int(width), int(heads)
        self.summaries, self.units = int(summaries), int(units)
        policy = self.dtype_policy
        self.blocks = [AttentionBlock(self.heads, dtype=policy) for _ in range(int(blocks))]

    def build(self, images_shape):
        rows, columns = _grid(images_shape[1:], self.patch)
        tokens_shape = (None, rows * columns, self.width)
        self.embed = keras.layers.Dense(self.width, dtype=self.dtype_policy)
        self.embed.build((*tokens_shape[:2], self.patch**2 * images_shape[-1]))
        self.position = _learned(self, tokens_shape[1:], 0.5, "position")
        for block in self.blocks:
            block.build(tokens_shape)
        self.norm = _norm(self, tokens_shape)
        self.read = self.summaries or rows * columns
        if self.summaries:
            self.queries = _learned(self, (self.summaries, self.width), 1.0, "queries")
            queries_shape = (None, self.summaries, self.width)
            self.summary_attention = _attention(self, queries_shape, tokens_shape)
        self.dense = keras.layers.Dense(self.units, activation="silu", dtype=self.dtype_policy)
        self.dense.build((None, self.read * self.width))

    def call(self, images, training=False, return_attention_scores=False):
        """Return features (batch, units) of images (batch, *image_shape).

        With `return_attention_scores`, (features, scores): a list of what each block returns, and,
        if there are summaries, {"summary": (batch, heads, summaries, tokens)} at its end.
        """
        tokens = self.embed(patches_of(images, self.patch)) + self.position
        tokens, scores = _through(self.blocks, tokens, None, training, return_attention_scores)
        tokens = self.norm(tokens)
        if self.summaries:
            queries = _for_each_image(self.queries, tokens)
            tokens, found = self.summary_attention(queries, tokens, return_attention_scores=True)
            scores.append({"summary": found})
        features = self.dense(tf.reshape(tokens, (-1, self.read * self.width)))
        return (features, scores) if return_attention_scores else features

    def get_config(self):
        names = ("patch", "width", "heads", "summaries", "units")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "blocks": len(self.blocks)}


@keras.saving.register_keras_serializable(package="vae_helpers")
class PatchDecoder(keras.layers.Layer):
    """A code z to the logits of an image: a token for each patch becomes the patch's pixels.

    Two dense layers turn the code into rows. With a memory, they are few, and the learned query of
    each patch looks at them in every block. Without, each patch has a row, added to its query.

    Args:
        patch: side of a patch in pixels.
        width: numbers in a token.
        heads: attention heads; they divide the width.
        blocks: number of `AttentionBlock`s.
        memory: rows to look at; 1 leaves nothing to choose, 0 is no memory but a row a patch.
        units: width of the dense layer between the code and the rows.
        image_shape: height, width and channels of the image; the patch divides both sides.
    """

    prefers_jit_on_cpu = True

    def __init__(
        self, patch=7, width=32, heads=2, blocks=1, memory=0, units=128, image_shape=(28, 28, 1),
        **kwargs
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.patch, self.width, self.heads = int(patch), int(width), int(heads)
        self.memory, self.units = int(memory), int(units)
        self.image_shape = tuple(int(size) for size in image_shape)
        rows, columns = _grid(self.image_shape, self.patch)
        self.tokens = rows * columns
        of_block = {"has_memory": self.memory > 0, "dtype": self.dtype_policy}
        self.blocks = [AttentionBlock(self.heads, **of_block) for _ in range(int(blocks))]
        rows = self.memory or self.tokens
        dense = keras.layers.Dense(self.units, activation="silu")
        wide = keras.layers.Dense(rows * self.width)
        self.rows = stack(self, [dense, wide, keras.layers.Reshape((rows, self.width))])

    def build(self, z_shape):
        self.rows.build(z_shape)
        tokens_shape = (None, self.tokens, self.width)
        self.queries = _learned(self, tokens_shape[1:], 0.3, "queries")
        for block in self.blocks:
            block.build(tokens_shape, (None, self.memory, self.width) if self.memory else None)
        self.norm = _norm(self, tokens_shape)
        values = self.patch**2 * self.image_shape[-1]
        self.pixels = keras.layers.Dense(values, use_bias=False, dtype=self.dtype_policy)
        self.pixels.build(tokens_shape)
        self.output_bias = self.add_weight(
            shape=self.image_shape, initializer="zeros", name="output_bias"
        )

    def call(self, z, training=False, return_attention_scores=False):
        """Return logits (batch, *image_shape) of codes z (batch, latent_dim).

        With `return_attention_scores`, (logits, scores), a list of what each block returns.
        """
        rows = self.rows(z, training=training)
        tokens = _for_each_image(self.queries, rows) if self.memory else self.queries + rows
        memory = rows if self.memory else None
        tokens, scores = _through(self.blocks, tokens, memory, training, return_attention_scores)
        patches = self.pixels(self.norm(tokens))
        logits = pictures_of(patches, self.patch, self.image_shape) + self.output_bias
        return (logits, scores) if return_attention_scores else logits

    def get_config(self):
        names = ("patch", "width", "heads", "memory", "units", "image_shape")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "blocks": len(self.blocks)}


@keras.saving.register_keras_serializable(package="vae_helpers")
class GridAttention(keras.layers.Layer):
    """Self-attention between the cells of a grid of channels, added to the grid.

    Source: Zhang et al. (2019), arXiv:1805.08318, without their learned weight of the sum.

    Args:
        heads: attention heads; they divide the channels.
    """

    def __init__(self, heads=4, **kwargs):
        super().__init__(**kwargs)
        self.heads = int(heads)

    def build(self, grid_shape):
        _, rows, columns, channels = grid_shape
        tokens_shape = (None, rows * columns, channels)
        self.norm = _norm(self, tokens_shape)
        self.attention = _attention(self, tokens_shape, tokens_shape)

    def call(self, grid, training=False):
        """Return a grid of the same shape, (batch, rows, columns, channels)."""
        _, rows, columns, channels = grid.shape
        tokens = self.norm(tf.reshape(grid, (-1, rows * columns, channels)))
        seen = self.attention(tokens, tokens, training=training)
        return grid + tf.reshape(seen, (-1, rows, columns, channels))

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="vae_helpers")
class AttentiveConvEncoder(ConvEncoder):
    """`parts.ConvEncoder` with self-attention on its last grid: 7 x 7 cells for 28 x 28 pixels.

    Args:
        filters: as for `ConvEncoder`.
        units: as for `ConvEncoder`.
        heads: attention heads; they divide the last number of channels.
    """

    def __init__(self, filters=(32, 64), units=128, heads=4, **kwargs):
        super().__init__(filters, units, **kwargs)
        self.heads = int(heads)
        *convolutions, flatten, dense = self.network.layers
        del self.network  # else Keras saves it beside the one that takes its place
        self.network = stack(self, [*convolutions, GridAttention(self.heads), flatten, dense])

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}


def _grid(image_shape, patch):
    """Rows and columns of patches."""
    height, width = image_shape[:2]
    if patch < 1 or height % patch or width % patch:
        sides = range(1, min(height, width) + 1)
        fits = [side for side in sides if not (height % side or width % side)]
        raise ValueError(
            f"patch is {patch} for images of {height} x {width} pixels, expected a side that "
            f"divides both: one of {', '.join(map(str, fits))}"
        )
    return height // patch, width // patch


def _through(blocks, tokens, memory, training, with_scores):
    """Return what blocks make of tokens, and the scores of each if they are wanted."""
    scores = []
    for block in blocks:
        result = block(tokens, memory, training=training, return_attention_scores=with_scores)
        tokens, found = result if with_scores else (result, None)
        scores.append(found)
    return tokens, scores


def _attention(layer, queries_shape, memory_shape):
    width, heads = queries_shape[-1], layer.heads
    if heads < 1 or width % heads:
        raise ValueError(
            f"heads is {heads} for tokens of width {width}, expected heads that divide the width"
        )
    # Glorot's bound for a matrix of width x width: Keras 3.8 starts several times narrower.
    start = keras.initializers.RandomUniform(-math.sqrt(3 / width), math.sqrt(3 / width))
    attention = keras.layers.MultiHeadAttention(
        heads, width // heads, kernel_initializer=start, dtype=layer.dtype_policy
    )
    attention.build(queries_shape, memory_shape)
    return attention


def _norm(layer, shape):
    norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=layer.dtype_policy)
    norm.build(shape)
    return norm


def _learned(layer, shape, deviation, name):
    """A weight that starts as normal noise: rows that have to differ from the start."""
    start = keras.initializers.RandomNormal(stddev=deviation)
    return layer.add_weight(shape=shape, initializer=start, name=name)


def _for_each_image(rows, batch):
    """The same learned rows for each image of a batch."""
    return tf.tile(rows[None], (tf.shape(batch)[0], 1, 1))
