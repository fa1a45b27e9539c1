"""Exercises of notebook 07: what a letter costs, repairs, paths, labels, and luck."""

import numpy as np

from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb07

    return nb07


def _priced_letters(rng):
    """KL, labels and number of classes; the classes are not equally frequent, each occurs."""
    classes = int(rng.integers(4, 7))
    counts = np.arange(2, 2 + classes)
    labels = rng.permutation(np.repeat(np.arange(classes), counts))
    kl = rng.uniform(3, 9, size=len(labels)) * (1 + labels)
    return kl.astype("float32"), labels.astype("int32"), classes


def _each(kl, labels, classes, reduce=np.mean):
    return np.array([reduce(np.asarray(kl, "float64")[labels == i]) for i in range(classes)])


letter_rates = Question(
    "letter_rates",
    "The rate of each class: the mean KL of its images, in nats per image.",
    variable="my_rates",
    answer=_each,
    inputs=_priced_letters,
    outcome="One number for each class, shape (classes,), in nats per image.",
    mistakes=[
        Mistake(
            "You added up the KL of each class. A rate is per image: divide by the number of "
            "images of that class.",
            wrong=lambda kl, labels, classes: _each(kl, labels, classes, np.sum),
        ),
        Mistake(
            "You divided each class's sum by the number of ALL images. A frequent letter would "
            "seem dear for being frequent: divide by the images of that class.",
            wrong=lambda kl, labels, classes: _each(kl, labels, classes, np.sum) / len(kl),
        ),
        Mistake(
            "You divided by the number of images a class would have if all were equally "
            "frequent. They are not: count each class.",
            wrong=lambda kl, labels, classes: (
                _each(kl, labels, classes, np.sum) / (len(kl) / classes)
            ),
        ),
        Mistake(
            "These are medians. A rate is a mean: the few dear images are paid for as well.",
            wrong=lambda kl, labels, classes: _each(kl, labels, classes, np.median),
        ),
        Mistake(
            "One and the same number for all classes: the mean over all images. Select the images "
            "of a class first.",
            wrong=lambda kl, labels, classes: np.full(classes, np.mean(kl, dtype="float64")),
        ),
        Mistake(
            "These are standard deviations: how much the images of a class differ, not what they "
            "cost.",
            wrong=lambda kl, labels, classes: _each(kl, labels, classes, np.std),
        ),
    ],
    hint="For one class: a mask picks its images. Then do the same for every class, in order.",
    solutions=solutions,
    remark="Weighted by how frequent the letters are, the rates average to the KL of the ELBO.",
)


def _repairs(rng):
    """Clean, damaged and repaired images; the repair is nearer in some of them, not in half."""
    n, height, width = int(rng.integers(11, 16)), int(rng.integers(4, 6)), 7
    clean = rng.uniform(0.2, 0.8, size=(n, height, width))
    noise, other = rng.normal(size=(2, n, height, width))
    nearer = rng.permutation(n) < int(rng.integers(2, n // 2 - 1))
    before = np.where(nearer, 0.16, 0.10)[:, None, None]
    after = np.where(nearer, 0.05, 0.28)[:, None, None]
    damaged, repaired = clean + before * noise, clean + after * other
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


def _two_codes(rng):
    """Codes of different lengths, neither parallel nor at right angles; t off the middle."""
    n, latent_dim = int(rng.integers(4, 6)), int(rng.integers(7, 9))
    start = rng.normal(size=(n, latent_dim))
    end = 0.5 * start + rng.normal(size=(n, latent_dim)) * rng.uniform(1.2, 1.6, size=(n, 1))
    t = rng.choice([rng.uniform(0.15, 0.35), rng.uniform(0.65, 0.85)])
    return start.astype("float32"), end.astype("float32"), np.float32(t)


def _norm(z):
    return np.linalg.norm(z, axis=1, keepdims=True)


def _angle(start, end):
    cosine = np.sum(start * end, axis=1, keepdims=True) / (_norm(start) * _norm(end))
    return np.arccos(np.clip(cosine, -1, 1))


def _sphere(start, end, t, angle=_angle):
    start, end, t = (np.asarray(part, "float64") for part in (start, end, t))
    omega = angle(start, end)
    return (np.sin((1 - t) * omega) * start + np.sin(t * omega) * end) / np.sin(omega)


spherical = Question(
    "spherical",
    "The point at t on the spherical path between two codes, row by row.",
    variable="my_path",
    answer=_sphere,
    inputs=_two_codes,
    outcome="One code for each pair, shape (n, latent_dim): start at t = 0, end at t = 1.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "That is the straight line: it cuts the corner. Replace its weights 1 - t and t by "
            "sines of parts of the angle.",
            wrong=lambda start, end, t: (1 - t) * start + t * end,
        ),
        Mistake(
            "The division by the sine of the whole angle is missing, so t = 0 does not give the "
            "start.",
            wrong=lambda start, end, t: _sphere(start, end, t) * np.sin(_angle(start, end)),
        ),
        Mistake(
            "t runs backwards: yours is at the end where t = 0.",
            wrong=lambda start, end, t: _sphere(start, end, 1 - t),
        ),
        Mistake(
            "The codes were scaled to length 1 and not scaled back. Their lengths are needed in "
            "the angle only, where they are divided out.",
            wrong=lambda start, end, t: _sphere(start / _norm(start), end / _norm(end), t),
        ),
        Mistake(
            "One angle for the whole batch. Each row has an angle of its own: add over axis 1 "
            "only, and keep the axis.",
            wrong=lambda start, end, t: _sphere(
                start,
                end,
                t,
                lambda a, b: np.arccos(np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b))),
            ),
        ),
        Mistake(
            "Your weights are those of a quarter turn, cos and sin of 90 degrees times t. Take the "
            "angle between the two codes instead.",
            wrong=lambda start, end, t: np.cos(t * np.pi / 2) * start + np.sin(t * np.pi / 2) * end,
        ),
    ],
    hint="First the angle of each row: the inner product, divided by both lengths, is its cosine. "
    "keepdims=True saves you trouble with shapes.",
    solutions=solutions,
    remark="Put it into `paths` of section 5: half-way it stays about as far out as its ends.",
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
            "first, as in section 6.",
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


lucky_pairs = Question(
    "lucky_pairs",
    "How many of 650 pairs a 95% interval puts above chance where there is nothing.",
    variable="my_pairs",
    answer=650 * 0.025,
    tolerance=0.01,
    outcome="One number of pairs; it need not be whole.",
    mistakes=[
        Mistake(
            "That counts errors on both sides. An interval that lies BELOW chance names no "
            "confusion: half of the 5%.",
            wrong=650 * 0.05,
        ),
        Mistake(
            "The diagonal is no pair: a letter read as itself. There are 26 x 25.",
            wrong=676 * 0.025,
        ),
        Mistake(
            "A read as B and B read as A are two pairs here, with two counts: 650, not 325.",
            wrong=325 * 0.025,
        ),
        Mistake(
            "That is how often the intervals are right. Asked is how often they are too high.",
            wrong=650 * 0.95,
        ),
        Mistake(
            "That is what intervals at a level of 1 - 0.05/650 leave. The question is about 95%.",
            wrong=0.025,
        ),
        Mistake(
            "That is the number of pairs times chance. Chance says how often a pair is confused, "
            "not how often an interval misses.",
            wrong=650 / 26,
        ),
    ],
    hint="How often does one such interval miss, and on how many of its sides would you notice?",
    solutions=solutions,
    remark="That is what looking 650 times costs. By the rule of section 3 it is 0.05 at most.",
)
