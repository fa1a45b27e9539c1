"""Exercises of notebook 07 (luck and repairs) and of its deeper page on one hand (labels)."""

import numpy as np
import scipy.stats

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb07

    return nb07


def _tries(rng):
    """Number of tries, share of luck and level; no two readings of the question agree on them."""
    while True:
        n, share = int(rng.integers(600, 900)), rng.uniform(0.1, 0.25)
        level = 10.0 ** -rng.uniform(2, 4)
        answers = [_smallest(n, share, level)]
        answers += [mistake.wrong(n, share, level) for mistake in smallest_named.mistakes]
        if len(set(answers)) == len(answers):
            return n, share, level


def _smallest(n, share, level, luck=lambda k, n, share: scipy.stats.binom.sf(k - 1, n, share)):
    """The first k above the mean whose luck is below the level; n + 1 when there is none."""
    k = np.arange(n + 1)
    below = (luck(k, n, share) < level) & (k > n * share)
    return int(np.argmax(below)) if below.any() else n + 1


def _normal(k, n, share):
    return scipy.stats.norm.sf(k, n * share, np.sqrt(n * share * (1 - share)))


smallest_named = Question(
    "smallest_named",
    "The smallest count k of n that luck reaches or exceeds with a probability below the level.",
    variable="my_count",
    answer=lambda n, share, level: _smallest(n, share, level),
    inputs=_tries,
    outcome="One whole number.",
    tolerance=1e-6,
    mistakes=[
        Mistake(
            "One too small: your tail leaves k itself out. `binom.sf(k, ...)` is the probability "
            "of MORE than k; k or more is `binom.sf(k - 1, ...)`. (`binom.isf` and `ppf` give "
            "the same, one too small.)",
            wrong=lambda n, share, level: _smallest(n, share, level) - 1,
        ),
        Mistake(
            "One too large. Is your loop a step too long, or your tail? k or more is "
            "`binom.sf(k - 1, ...)`.",
            wrong=lambda n, share, level: _smallest(n, share, level) + 1,
        ),
        Mistake(
            "You asked how probable EXACTLY k is. Luck would have surprised you with more than k "
            "as well: add up the whole tail.",
            wrong=lambda n, share, level: _smallest(n, share, level, scipy.stats.binom.pmf),
        ),
        Mistake(
            "It stops at k = 0. Exactly 0, or at most 0, is improbable as well: the question is "
            "about k or MORE, the tail that begins at k.",
            wrong=lambda n, share, level: 0,
        ),
        Mistake(
            "That is where a normal distribution would draw the line. The binomial with a small "
            "share has a longer tail: use its own sum.",
            wrong=lambda n, share, level: _smallest(n, share, level, _normal),
        ),
        Mistake(
            "You compared with half of the level, as a two-sided test does. A pair is named for "
            "being frequent only: one tail, the whole level.",
            wrong=lambda n, share, level: _smallest(n, share, level / 2),
        ),
        Mistake(
            "You divided the level by 650 once more. The level you are given holds for one pair.",
            wrong=lambda n, share, level: _smallest(n, share, level / 650),
        ),
    ],
    hint="Start with k = 0 and count up, as long as the tail from k on is not below the level.",
    solutions=solutions,
    remark="For 12 tries, 1/25 and 0.05/650 it is 5, as the table of section 2 shows.",
)


lucky_pairs = Question(
    "lucky_pairs",
    "How many pairs there are, and how many a 95% interval puts above luck where there is nothing.",
    variable="my_pairs",
    answer=(650, 650 * 0.025),
    tolerance=5e-3,
    outcome="Two numbers: pairs looked at, pairs named; the second need not be whole.",
    mistakes=[
        Mistake(
            "That counts errors on both sides. An interval that lies BELOW luck names no "
            "confusion: half of the 5%.",
            wrong=(650, 650 * 0.05),
        ),
        Mistake(
            "A letter read as itself is no pair: there are 26 x 25.",
            wrong=(676, 676 * 0.025),
        ),
        Mistake(
            "A read as B and B read as A are two pairs here, with two counts: 650, not 325. (An "
            "error on one side only, and half as many pairs: two slips can cancel.)",
            when=lambda answer: not callable(answer) and float(answer[0]) == 325,
            wrong=(325, 325 * 0.05),
        ),
        Mistake(
            "That is how often the intervals are right. Asked is how often they are too high.",
            wrong=(650, 650 * 0.95),
        ),
        Mistake(
            "That is what intervals at a level of 1 - 0.05/650 leave. The question is about 95%.",
            wrong=(650, 0.025),
        ),
        Mistake(
            "That is the number of pairs times the share that luck gives. The share says how often "
            "one pair is confused, not how often an interval misses.",
            when=lambda answer: answer[0] == 650 and float(answer[1]) in (26.0, 25.0),
            wrong=(650, 26.0),
        ),
        Mistake(
            "The other way round: first how many pairs you look at, then how many you name.",
            wrong=(650 * 0.025, 650),
        ),
        Mistake(
            "The pairs with a letter itself are left out already: 650, so no further 25/26.",
            wrong=(650, 15.625),
        ),
        Mistake(
            "You rounded. An average over many such tables need not be whole: give the product.",
            when=lambda answer: answer[0] == 650 and float(answer[1]) in (16.0, 17.0),
            wrong=(650, 16.0),
        ),
    ],
    hint="How often does one such interval miss, and on how many of its sides would you notice?",
    solutions=solutions,
    remark="That is what looking 650 times costs. By the rule of section 2 it is 0.05 at most.",
)


def _repairs(rng):
    """Clean, damaged and repaired images; the repair is nearer in some of them, not in half.

    In two of the others the repair errs in two pixels only, and by much: nearer by absolute errors.
    In two of the nearer ones it errs in one pixel only: not nearer by the largest error. A third
    lies on the way to the damaged image.
    """
    n, height, width = int(rng.integers(11, 16)), int(rng.integers(4, 6)), 7
    clean = rng.uniform(0.2, 0.8, size=(n, height, width))
    noise, other = rng.normal(size=(2, n, height, width))
    two, one = np.zeros((2, height, width))
    two.flat[:2], one.flat[0] = 2.2, 10.0
    nearer = rng.permutation(n) < int(rng.integers(3, n // 2 - 1))
    before = np.where(nearer, 0.16, 0.10)[:, None, None]
    after = np.where(nearer, 0.05, 0.28)[:, None, None]
    other[np.flatnonzero(~nearer)[:2]], other[np.flatnonzero(nearer)[:2]] = two, one
    damaged, repaired = clean + before * noise, clean + after * other
    third = np.flatnonzero(nearer)[2]
    repaired[third] = 0.4 * clean[third] + 0.6 * damaged[third]
    return tuple(part.astype("float32") for part in (clean, damaged, repaired))


def _error(first, second):
    return np.square(np.asarray(first, "float64") - second).mean(axis=(1, 2))


share_nearer = Question(
    "share_nearer",
    "In what share of the images the repaired one is nearer to the clean one than the damaged was.",
    variable="my_share",
    answer=lambda clean, damaged, repaired: np.mean(
        _error(repaired, clean) < _error(damaged, clean)
    ),
    inputs=_repairs,
    outcome="One number, a share from 0 to 1.",
    mistakes=[
        Mistake(
            "That is the share of images that got WORSE. Turn the comparison round.",
            wrong=lambda clean, damaged, repaired: np.mean(
                _error(repaired, clean) > _error(damaged, clean)
            ),
        ),
        Mistake(
            "You counted PIXELS that came nearer. The question is about images: average the "
            "squared error over the pixels of each image first, then compare.",
            wrong=lambda clean, damaged, repaired: np.mean(
                np.abs(repaired - clean) < np.abs(damaged - clean)
            ),
        ),
        Mistake(
            "You compared absolute errors. A few pixels that are far off weigh more when they are "
            "squared: take the mean SQUARED error of each image.",
            wrong=lambda clean, damaged, repaired: np.mean(
                np.abs(repaired - clean).mean(axis=(1, 2))
                < np.abs(damaged - clean).mean(axis=(1, 2))
            ),
        ),
        Mistake(
            "You compared with the damaged image instead of the clean one. Both errors are "
            "measured against the clean one.",
            wrong=lambda clean, damaged, repaired: np.mean(
                _error(repaired, damaged) < _error(damaged, clean)
            ),
        ),
        Mistake(
            "You compared the two averages over all images, so the answer can only be 0 or 1. "
            "Compare image by image.",
            wrong=lambda clean, damaged, repaired: float(
                _error(repaired, clean).mean() < _error(damaged, clean).mean()
            ),
        ),
        Mistake(
            "That is the NUMBER of images. Divide by how many there are.",
            wrong=lambda clean, damaged, repaired: float(
                np.sum(_error(repaired, clean) < _error(damaged, clean))
            ),
        ),
        Mistake(
            "That is by how much the error fell, as a share. Asked is in how many images it fell.",
            wrong=lambda clean, damaged, repaired: (
                1 - _error(repaired, clean).mean() / _error(damaged, clean).mean()
            ),
        ),
    ],
    hint="Two errors for each image, both against the clean one. How many times is the first "
    "below the second?",
    solutions=solutions,
    remark="A share hides by how much: report the mean errors beside it, as section 4 does.",
)


def _displaced(rng):
    """Clean, damaged, and both redrawn: the redrawing error is not small, the shares differ."""
    n, height, width = int(rng.integers(5, 9)), int(rng.integers(4, 6)), 7
    clean, damage, moved, through = rng.normal(size=(4, n, height, width))
    strength = rng.uniform(0.1, 0.4, size=(n, 1, 1))
    damaged, redrawn = clean + strength * damage, clean + 0.15 * moved
    share = rng.uniform(0.3, 0.9, size=(n, 1, 1))
    again = redrawn + share * strength * (0.8 * damage + 0.6 * through)
    return tuple(part.astype("float32") for part in (clean, damaged, redrawn, again))


def _ratio(above, below):
    return np.mean(np.square(np.asarray(above, "float64"))) / np.mean(np.square(below))


share_passed = Question(
    "share_passed",
    "The share of the damage that passes through the VAE, by mean squared errors.",
    variable="my_passed",
    answer=lambda clean, damaged, redrawn_clean, redrawn_damaged: _ratio(
        redrawn_damaged - redrawn_clean, damaged - clean
    ),
    inputs=_displaced,
    outcome="One number for all images together.",
    mistakes=[
        Mistake(
            "Above the line you measured against the clean letter, so the redrawing error is in it "
            "as well. What passed is the difference between the two REDRAWN letters.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: _ratio(
                redrawn_damaged - clean, damaged - clean
            ),
        ),
        Mistake(
            "That is by how much redrawing changes the damaged letter. Compare the two redrawn "
            "letters with each other.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: _ratio(
                redrawn_damaged - damaged, damaged - clean
            ),
        ),
        Mistake(
            "Below the line stands the distance to the REDRAWN clean letter. The damage is the "
            "difference between what went in and the clean letter.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: _ratio(
                redrawn_damaged - redrawn_clean, damaged - redrawn_clean
            ),
        ),
        Mistake(
            "Upside down: what passed belongs above the line, the damage below.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: _ratio(
                damaged - clean, redrawn_damaged - redrawn_clean
            ),
        ),
        Mistake(
            "You took one share for each image and averaged them. An image with little damage then "
            "counts as much as one with a lot: average above and below first, then divide.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: np.mean(
                _error(redrawn_damaged, redrawn_clean) / _error(damaged, clean)
            ),
        ),
        Mistake(
            "A ratio of lengths: you took the root. The parts add up as SQUARED errors.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: np.sqrt(
                _ratio(redrawn_damaged - redrawn_clean, damaged - clean)
            ),
        ),
        Mistake(
            "A ratio of absolute errors. Square the differences before you average.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: (
                np.abs(redrawn_damaged - redrawn_clean).mean() / np.abs(damaged - clean).mean()
            ),
        ),
        Mistake(
            "That is what passed, not yet a share: divide by the damage.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: np.mean(
                np.square(redrawn_damaged - redrawn_clean)
            ),
        ),
        Mistake(
            "That is the share that does NOT pass.",
            wrong=lambda clean, damaged, redrawn_clean, redrawn_damaged: (
                1 - _ratio(redrawn_damaged - redrawn_clean, damaged - clean)
            ),
        ),
    ],
    hint="Two differences: damaged minus clean letter, before redrawing and after it.",
    solutions=solutions,
    remark="With the redrawing error it foretells the error of the repair, nearly (section 4).",
)


def _labelled_codes(rng):
    """Codes and labels; the sizes differ, the labels are neither all equal nor sorted."""
    n, latent_dim, classes = int(rng.integers(5, 7)), 3, int(rng.integers(8, 11))
    labels = rng.permutation(classes - 1)[:n]
    labels[:2] = [classes - 2, 1]
    return rng.normal(size=(n, latent_dim)).astype("float32"), labels.astype("int32"), classes


def _beside(*columns):
    return np.concatenate([np.asarray(column, "float64") for column in columns], axis=1)


beside_the_code = Question(
    "beside_the_code",
    "The input of a conditional decoder: the code, then the label as a row of one 1 and zeros.",
    variable="my_input",
    answer=lambda z, labels, classes: _beside(z, np.eye(classes)[labels]),
    inputs=_labelled_codes,
    outcome="One row for each code, shape (n, latent_dim + classes).",
    mistakes=[
        Mistake(
            "The label stands as a NUMBER beside the code. That says that C lies between B and D; "
            "a row of one 1 and zeros says only that they differ.",
            wrong=lambda z, labels, classes: _beside(z, labels[:, None]),
        ),
        Mistake(
            "The label comes first. The decoder's weights know a place, not a name: the code "
            "first, as `MyConditionalVAE.outputs` puts it.",
            wrong=lambda z, labels, classes: _beside(np.eye(classes)[labels], z),
        ),
        Mistake(
            "The 1 stands one place too far: labels count from 0, so A is the first column.",
            wrong=lambda z, labels, classes: _beside(z, np.eye(classes)[labels + 1]),
        ),
        Mistake(
            "The label's row is there, the code is not: all hands would write alike.",
            wrong=lambda z, labels, classes: np.eye(classes)[labels],
        ),
        Mistake(
            "Only the code: the decoder is not told which letter to draw.",
            wrong=lambda z, labels, classes: np.asarray(z),
        ),
        Mistake(
            "Every row has a 1 at ALL letters of the batch. Each row wants that of its own label "
            "only.",
            wrong=lambda z, labels, classes: _beside(
                z, np.tile(np.eye(classes)[labels].sum(axis=0), (len(z), 1))
            ),
        ),
    ],
    hint="np.eye(classes) has the wanted rows; an array of labels picks them. Then put two arrays "
    "side by side: along which axis?",
    solutions=solutions,
    remark="ConditionalVAE.outputs does it with tf.one_hot and tf.concat.",
)
