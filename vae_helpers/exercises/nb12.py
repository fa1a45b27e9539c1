"""Exercises of notebook 12: attention, its patches, its heads, and what it costs."""

import math

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb12

    return nb12


def _softmax(scores, axis=-1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _looks(rng):
    """Queries, keys and values: five lengths that differ, and scores of a few units."""
    queries, keys, d, values = rng.permutation([3, 4, 6, 7])
    return (
        rng.normal(0.3, 1.2, size=(queries, d)).astype("float32"),
        rng.normal(0.3, 1.2, size=(keys, d)).astype("float32"),
        rng.normal(0.5, 1.0, size=(keys, values)).astype("float32"),
    )


def _attended(queries, keys, values, scale=None, axis=-1):
    scale = queries.shape[1] ** -0.5 if scale is None else scale
    scores = np.asarray(queries, "float64") @ np.asarray(keys, "float64").T * scale
    return _softmax(scores, axis) @ values


def _unnormalised(queries, keys, values):
    scores = np.asarray(queries, "float64") @ keys.T / np.sqrt(queries.shape[1])
    return np.exp(scores) @ values


attend = Question(
    "attend",
    "What each query gets: a weighted mean of the values, softmax(q k / sqrt(d)) v.",
    variable="my_attention",
    answer=lambda queries, keys, values: _attended(queries, keys, values),
    inputs=_looks,
    outcome="One row for each query, as long as a value.",
    mistakes=[
        Mistake(
            "The scores are not divided by sqrt(d), so that the softmax is too sharp.",
            wrong=lambda q, k, v: _attended(q, k, v, 1.0),
        ),
        Mistake(
            "You divided by d. The standard deviation of a score grows with sqrt(d) only.",
            wrong=lambda q, k, v: _attended(q, k, v, 1 / q.shape[1]),
        ),
        Mistake(
            "You divided by the root of the number of keys. It is the LENGTH of a key, d, whose "
            "products are added up in a score.",
            wrong=lambda q, k, v: _attended(q, k, v, len(k) ** -0.5),
        ),
        Mistake(
            "You divided by the root of the length of a value. Scores come from queries and keys.",
            wrong=lambda q, k, v: _attended(q, k, v, v.shape[1] ** -0.5),
        ),
        Mistake(
            "The softmax runs over the queries. The weights of ONE query, over all keys, have to "
            "add up to 1.",
            wrong=lambda q, k, v: _attended(q, k, v, axis=0),
        ),
        Mistake(
            "exp without its normaliser: divide by the sum over the keys.",
            wrong=_unnormalised,
        ),
        Mistake(
            "Every value counts the same here: no query was used.",
            wrong=lambda q, k, v: _attended(q, k, v, 0.0),
        ),
        Mistake(
            "The raw scores are no weights: they may be negative, and they do not add up to 1. "
            "Take a softmax over the keys.",
            wrong=lambda q, k, v: q.astype("float64") @ k.T / np.sqrt(q.shape[1]) @ v,
        ),
        Mistake(
            "This takes the value of the best key alone. A softmax is a mean of all, and has a "
            "gradient.",
            wrong=lambda q, k, v: v[np.argmax(q @ k.T, axis=1)],
        ),
    ],
    hint="A score for each pair of query and key, (queries, keys); a softmax along which axis? "
    "Then a product of two matrices.",
    solutions=solutions,
    remark="keras.layers.MultiHeadAttention does this for each head, between learned projections.",
)


def _pictures(rng):
    """Images whose sides differ, and a side that divides both."""
    patch, (rows, columns) = int(rng.integers(2, 4)), rng.permutation([2, 3, 4])[:2]
    n = int(rng.integers(5, 7))
    size = (n, int(rows) * patch, int(columns) * patch)
    return rng.uniform(size=size).astype("float32"), patch


def _cut(images, patch, order=(0, 1, 3, 2, 4)):
    n, height, width = images.shape
    cells = images.reshape(n, height // patch, patch, width // patch, patch)
    return cells.transpose(order).reshape(n, -1, patch * patch)


patches = Question(
    "patches",
    "Cut images (n, height, width) into squares of patch x patch pixels, one row each.",
    variable="my_patches",
    answer=lambda images, patch: _cut(images, patch),
    inputs=_pictures,
    outcome="Shape (n, number of patches, patch * patch): patches and their pixels row by row.",
    mistakes=[
        Mistake(
            "A plain reshape cuts strips of pixels that follow each other in a row, not squares. "
            "Split both sides first, then bring the two axes of a patch together.",
            wrong=lambda images, patch: images.reshape(len(images), -1, patch * patch),
        ),
        Mistake(
            "The patches are right, but they come column by column. Row by row from the top left.",
            wrong=lambda images, patch: _cut(images, patch, (0, 3, 1, 2, 4)),
        ),
        Mistake(
            "The patches come in the right order, but each is transposed: its pixels stand column "
            "by column.",
            wrong=lambda images, patch: _cut(images, patch, (0, 1, 3, 4, 2)),
        ),
        Mistake(
            "These are the patches of the transposed images: columns and rows are exchanged.",
            wrong=lambda images, patch: _cut(images.transpose(0, 2, 1), patch),
        ),
        Mistake(
            "The pixels of different patches are mixed: the two axes that count patches have to "
            "stand before the two within a patch.",
            wrong=lambda images, patch: _cut(images, patch, (0, 2, 4, 1, 3)),
        ),
    ],
    hint="Reshape to (n, rows, patch, columns, patch), transpose, reshape again. Which two of the "
    "five axes make one patch?",
    solutions=solutions,
    remark="attention.patches_of does it for tensors with channels, and pictures_of undoes it.",
)


def _tokens(rng):
    """Tokens of several images, and a number of heads that divides their width."""
    heads, of_each = (int(n) for n in rng.permutation([2, 3, 4])[:2])
    batch, tokens = (int(n) for n in rng.permutation([5, 6, 7])[:2])
    return rng.normal(size=(batch, tokens, heads * of_each)).astype("float32"), heads


def _split(tokens, heads):
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, heads, width // heads).transpose(0, 2, 1, 3)


def _dealt(tokens, heads):
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, width // heads, heads).transpose(0, 3, 1, 2)


split_heads = Question(
    "split_heads",
    "Give each head its share of the width of every token.",
    variable="my_heads",
    answer=lambda tokens, heads: _split(tokens, heads),
    inputs=_tokens,
    outcome="Shape (batch, heads, tokens, width / heads).",
    mistakes=[
        Mistake(
            "The shape is right, but a plain reshape gives a head some TOKENS whole. It should get "
            "a part of every token: split the last axis, then exchange two.",
            wrong=lambda x, h: x.reshape(len(x), h, x.shape[1], x.shape[2] // h),
        ),
        Mistake(
            "The width is dealt out like cards: head 1 gets numbers 1, 1 + heads, ... It should "
            "get the first width / heads numbers.",
            wrong=_dealt,
        ),
        Mistake(
            "Split, but the heads still stand behind the tokens: exchange those two axes.",
            wrong=lambda x, h: x.reshape(*x.shape[:2], h, x.shape[2] // h),
        ),
        Mistake(
            "You exchanged the heads with the numbers of a token: heads and TOKENS change places.",
            wrong=lambda x, h: _split(x, h).transpose(0, 1, 3, 2),
        ),
    ],
    hint="First (batch, tokens, heads, width / heads). Which axes have to change places?",
    solutions=solutions,
    remark="No number is computed: heads cost no more multiplications than one head of full width.",
)


def _moments(rng):
    return int(rng.integers(5, 90)), float(rng.uniform(0.2, 0.8)), float(rng.uniform(1.3, 3.0))


score_deviation = Question(
    "score_deviation",
    "The standard deviation of q . k: d entries each, independent, mean 0, of the two deviations.",
    variable="my_deviation",
    answer=lambda d, sigma_q, sigma_k: math.sqrt(d) * sigma_q * sigma_k,
    inputs=_moments,
    outcome="One number: a standard deviation, before any division.",
    mistakes=[
        Mistake(
            "This is the variance. The standard deviation is its root.",
            wrong=lambda d, sigma_q, sigma_k: d * sigma_q**2 * sigma_k**2,
        ),
        Mistake(
            "d products are added, but variances add up, not deviations: it grows with sqrt(d).",
            wrong=lambda d, sigma_q, sigma_k: d * sigma_q * sigma_k,
        ),
        Mistake(
            "This is one product alone. A score adds d of them.",
            wrong=lambda d, sigma_q, sigma_k: sigma_q * sigma_k,
        ),
        Mistake(
            "That holds for entries with a variance of 1. How does it change with sigma?",
            wrong=lambda d, sigma_q, sigma_k: math.sqrt(d),
        ),
        Mistake(
            "That is the deviation of a SUM of q and k. A score multiplies them.",
            wrong=lambda d, sigma_q, sigma_k: math.sqrt(d * (sigma_q**2 + sigma_k**2)),
        ),
        Mistake(
            "You divided by sqrt(d): the deviation of the score itself was asked for.",
            wrong=lambda d, sigma_q, sigma_k: sigma_q * sigma_k / math.sqrt(d),
        ),
    ],
    hint="The variance of a product of independent numbers with mean 0 is the product of their "
    "variances. Then add d of them.",
    solutions=solutions,
    remark="Divided by sqrt(d), it is sigma_q sigma_k for every length of the keys.",
)


def _block_sizes(rng):
    return int(rng.integers(20, 900)), 8 * int(rng.integers(2, 13)), int(rng.integers(40, 300))


def _share(pairs, each):
    return pairs / (pairs + each)


quadratic_share = Question(
    "quadratic_share",
    "The share of a block's multiplications that grows with the square of the number of tokens.",
    variable="my_share",
    answer=lambda tokens, width, hidden: _share(
        2 * tokens**2 * width, tokens * (4 * width**2 + 2 * width * hidden)
    ),
    inputs=_block_sizes,
    outcome="One number between 0 and 1.",
    mistakes=[
        Mistake(
            "You counted the scores only. Mixing the values takes as many multiplications again.",
            wrong=lambda n, w, h: _share(n**2 * w, n * (4 * w**2 + 2 * w * h)),
        ),
        Mistake(
            "The two dense layers behind the attention are missing: width x hidden, twice, for "
            "each token.",
            wrong=lambda n, w, h: _share(2 * n**2 * w, 4 * n * w**2),
        ),
        Mistake(
            "Query, key and value make three projections. The result is projected too: four.",
            wrong=lambda n, w, h: _share(2 * n**2 * w, n * (3 * w**2 + 2 * w * h)),
        ),
        Mistake(
            "The four projections are missing: width x width each, for each token.",
            wrong=lambda n, w, h: _share(2 * n**2 * w, 2 * n * w * h),
        ),
        Mistake(
            "This is the ratio of the two parts. A share is of the whole.",
            wrong=lambda n, w, h: 2 * n**2 * w / (n * (4 * w**2 + 2 * w * h)),
        ),
        Mistake(
            "This is the share of what grows in proportion to the tokens. The other one.",
            wrong=lambda n, w, h: _share(n * (4 * w**2 + 2 * w * h), 2 * n**2 * w),
        ),
        Mistake(
            "The dense layers are two: width x hidden there, and hidden x width back.",
            wrong=lambda n, w, h: _share(2 * n**2 * w, n * (4 * w**2 + w * h)),
        ),
    ],
    hint="Projections: 4 of width x width for each token. Dense: two of width x hidden for each "
    "token. Scores and mixing: width multiplications for each PAIR of tokens, twice.",
    solutions=solutions,
    remark="With hidden = 2 width, the two parts are equal at tokens = 4 width.",
)


def _weights(rng):
    """Rows of weights that add up to 1, some of them with zeros; sizes that differ."""
    batch, heads, queries, keys = (int(n) for n in rng.permutation([2, 3, 4, 6]))
    weights = _softmax(rng.normal(0, 2, size=(batch, heads, queries, keys)))
    weights[0, :, 0] = np.eye(keys)[rng.integers(keys, size=heads)]
    return (weights.astype("float32"),)


def _entropies(weights, axis=-1):
    weights = np.asarray(weights, "float64")
    return -np.sum(weights * np.log(np.where(weights > 0, weights, 1.0)), axis=axis)


head_entropy = Question(
    "head_entropy",
    "How undecided each head is: the entropy of a query's weights, mean over queries and images.",
    variable="my_entropy",
    answer=lambda weights: _entropies(weights).mean(axis=(0, 2)),
    inputs=_weights,
    outcome="One number in nats for each head, shape (heads,).",
    mistakes=[
        Mistake(
            "Right, except where a weight is exactly 0: there 0 log 0 became NaN. It counts 0.",
            wrong=lambda w: -np.sum(w * np.log(w), axis=-1).mean(axis=(0, 2)),
            when=lambda answer: (
                not np.isfinite(answer(np.eye(2, dtype="float32")[None, None])).all()
            ),
        ),
        Mistake(
            "These are bits. The course's log is natural.",
            wrong=lambda w: _entropies(w).mean(axis=(0, 2)) / np.log(2),
        ),
        Mistake(
            "An entropy is not negative: the minus is missing.",
            wrong=lambda w: -_entropies(w).mean(axis=(0, 2)),
        ),
        Mistake(
            "You averaged over the keys, where an entropy adds them.",
            wrong=lambda w: _entropies(w).mean(axis=(0, 2)) / w.shape[-1],
        ),
        Mistake(
            "You added the queries up. Average over them, as over the images.",
            wrong=lambda w: _entropies(w).sum(axis=2).mean(axis=0),
        ),
        Mistake(
            "This is the entropy of the MEAN weights. A head that looks at one key, another one "
            "for each image, would seem undecided: take the entropies first.",
            wrong=lambda w: _entropies(np.asarray(w, "float64").mean(axis=(0, 2))),
        ),
        Mistake(
            "The sum runs over the queries. The weights of one query, over its keys, make one "
            "distribution.",
            wrong=lambda w: _entropies(w, axis=2).mean(axis=(0, 2)),
        ),
    ],
    hint="- sum w log w along the axis that adds up to 1, with 0 log 0 = 0. Then average over all "
    "but the heads.",
    solutions=solutions,
    remark="0 is a head that looks at one key; log(keys) one that looks at all alike, a mean.",
)
