"""Exercises of notebook 08: errors, bounds, gaps, and yardsticks for a trained VAE."""

import math

import numpy as np

from vae_helpers.exercises import measuring as given
from vae_helpers.exercises.question import Mistake, Question


def solutions():
    """Return the module of the solutions; an edition for a class may lack it."""
    from vae_helpers.exercises.solutions import nb08

    return nb08


error_over_images = Question(
    "error_over_images",
    "The standard error, over images, of the mean ELBO.",
    variable="my_error",
    answer=lambda values: given.error(values),
    inputs=given.values,
    outcome="One number, in nats per image.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "You took every value for an image of its own. The codes of one image share that "
            "image, so they are no new evidence about images: average them first.",
            wrong=lambda x: given.std(x) / math.sqrt(x.size),
        ),
        Mistake(
            "The scatter is that of single values, images and codes mixed. Average the codes of "
            "each image first; then take the scatter of the images' means.",
            wrong=lambda x: given.std(x) / math.sqrt(x.shape[1]),
        ),
        Mistake(
            "You took one error for each sample and averaged those. With a single code an image's "
            "value scatters more than its mean over codes does: average over axis 0 first.",
            wrong=lambda x: np.mean(given.std(x, 1)) / math.sqrt(x.shape[1]),
        ),
        Mistake(
            "This is the scatter of single images. The mean of n of them is steadier, by the "
            "square root of n.",
            wrong=lambda x: given.std(given.per_image(x)),
        ),
        Mistake(
            "You divided by n. Errors add in squares, so the mean of n images is steadier by the "
            "square root of n only.",
            wrong=lambda x: given.std(given.per_image(x)) / x.shape[1],
        ),
        Mistake(
            "You divided by the square root of the number of samples. What you average here are "
            "images: count those, axis 1.",
            wrong=lambda x: given.std(given.per_image(x)) / math.sqrt(x.shape[0]),
        ),
        Mistake(
            "You corrected twice: ddof=1 goes with the root of n, and ddof=0 with that of n - 1.",
            wrong=lambda x: given.std(given.per_image(x)) / math.sqrt(x.shape[1] - 1),
        ),
        Mistake(
            "This is the error squared. The root is missing.",
            wrong=lambda x: given.error(x) ** 2,
        ),
        Mistake(
            "This is the other error, over codes: how far another seed would move the score of "
            "these same images.",
            wrong=given.over_codes,
        ),
        Mistake(
            "You took the part of the codes out again. It belongs in: another test set would come "
            "with other codes as well, and the scatter of the images' means holds both.",
            wrong=lambda x: math.sqrt(abs(given.error(x) ** 2 - given.over_codes(x) ** 2)),
        ),
        Mistake(
            "You added the error over codes once more. The scatter of the images' means already "
            "holds it, because each mean was taken over codes.",
            wrong=lambda x: math.hypot(given.error(x), given.over_codes(x)),
        ),
        Mistake(
            "You averaged over axis 1, which counts the images. Each image's mean is over its "
            "samples, axis 0.",
            wrong=lambda x: (
                given.std(np.asarray(x, "float64").mean(axis=1)) / math.sqrt(x.shape[0])
            ),
        ),
        Mistake(
            "np.std divides by n unless it is told otherwise. The mean was estimated from the same "
            "images, so divide by n - 1: ddof=1.",
            wrong=lambda x: given.error(x, ddof=0),
        ),
    ],
    hint="First one number for each image. Then: how much do those scatter, and how many are "
    "there?",
    solutions=solutions,
    remark="metrics.Estimate carries it as `error`, and the one over codes as `sampling_error`.",
)


iwae_bound = Question(
    "iwae_bound",
    "The importance-weighted bound of k log weights an image, as a mean over images.",
    variable="my_bound",
    answer=lambda log_weights: given.bound(log_weights),
    inputs=given.log_weights,
    outcome="One number, in nats per image.",
    tolerance=1e-6,
    mistakes=[
        Mistake(
            "The formula is right, but exp(-900) is 0 in float64, and in float32 exp(-104) is. "
            "Take log-sum-exp: subtract the largest log weight of each image first, and add it "
            "again at the end.",
            when=given.underflows,
            wrong=lambda w: np.log(np.mean(np.exp(np.asarray(w, "float64")), axis=0)).mean(),
        ),
        Mistake(
            "You subtracted one number for all images. They lie hundreds of nats apart, so the "
            "weights of most underflow all the same: each image needs its own maximum, over axis "
            "0.",
            when=given.one_shift_for_all,
            wrong=lambda w: (
                np.log(np.mean(np.exp(np.asarray(w, "float64") - w.max()), axis=0)) + w.max()
            ).mean(),
        ),
        Mistake(
            "This is the mean of the LOG weights: the ELBO, k = 1. The bound averages the weights "
            "and takes the logarithm afterwards.",
            wrong=lambda w: np.mean(w, dtype="float64"),
        ),
        Mistake(
            "You added the weights up instead of averaging them: subtract log k. Without it the "
            "number grows with k for ever and bounds nothing.",
            wrong=lambda w: given.bound(w) + math.log(len(w)),
        ),
        Mistake(
            "You subtracted log k twice, or divided before and after.",
            wrong=lambda w: given.bound(w) - math.log(len(w)),
        ),
        Mistake(
            "You take off the same number whatever k is. It is the logarithm of the number of "
            "codes, len(log_weights).",
            when=given.constant_taken_off,
            wrong=lambda w: given.bound(w) + math.log(len(w)) - math.log(500),
        ),
        Mistake(
            "What you take off the log-sum-exp is not the natural logarithm of k, the number of "
            "codes, len(log_weights).",
            when=given.other_number_taken_off,
            wrong=lambda w: given.bound(w) + math.log(len(w)) - math.log10(len(w)),
        ),
        Mistake(
            "You averaged the weights of all images together. Each image has a bound of its own: "
            "log-mean-exp over axis 0, then the mean over images.",
            wrong=lambda w: given.log_mean_exp(w, None),
        ),
        Mistake(
            "The two axes are mixed up: the k codes stand along axis 0.",
            wrong=lambda w: given.log_mean_exp(w, 1).mean(),
        ),
        Mistake(
            "You took the best of the k weights. It is above log(mean) by up to log k, and no "
            "lower bound.",
            wrong=lambda w: np.asarray(w, "float64").max(axis=0).mean(),
        ),
    ],
    hint="Three steps, each over the right axis: weights averaged over codes (safely), a "
    "logarithm, a mean over images. Which function adds exponentials without computing them?",
    solutions=solutions,
    remark="A single estimate may lie above the true value; the mean over many seeds does not.",
)


two_gaps = Question(
    "two_gaps",
    "The mean amortisation gap and the mean approximation gap, in this order.",
    variable="my_gaps",
    answer=lambda elbo, best_elbo, log_p: (given.gap(elbo, best_elbo), given.gap(best_elbo, log_p)),
    inputs=given.three_bounds,
    outcome="Two numbers, in nats per image: amortisation, approximation.",
    mistakes=[
        Mistake(
            "The two are swapped. The amortisation gap is what a q of its own would win back for "
            "each image; the approximation gap is what no q of the family can.",
            wrong=lambda elbo, best, log_p: (given.gap(best, log_p), given.gap(elbo, best)),
        ),
        Mistake(
            "The first number is the whole gap, log p(x) - ELBO. The part that the encoder is to "
            "blame for ends at the best q of the family.",
            wrong=lambda elbo, best, log_p: (given.gap(elbo, log_p), given.gap(best, log_p)),
        ),
        Mistake(
            "The second number is the whole gap, log p(x) - ELBO. The part that the family is to "
            "blame for begins at its best q.",
            wrong=lambda elbo, best, log_p: (given.gap(elbo, best), given.gap(elbo, log_p)),
        ),
        Mistake(
            "Both come out negative: you subtracted the higher bound from the lower one. A gap is "
            "what is missing.",
            wrong=lambda elbo, best, log_p: (given.gap(best, elbo), given.gap(log_p, best)),
        ),
        Mistake(
            "One value for each image is right so far. Now the mean over images.",
            wrong=lambda elbo, best, log_p: (best - elbo, log_p - best),
        ),
        Mistake(
            "You took the size of each image's difference. These are estimates, and some differ "
            "the wrong way by chance: without its sign that noise no longer averages out.",
            wrong=given.gaps(np.abs),
        ),
        Mistake(
            "You cut negative differences off at 0. They come from the noise of the estimates, and "
            "cutting one side of a noise off makes its mean too large.",
            wrong=given.gaps(lambda values: np.maximum(values, 0)),
        ),
        Mistake(
            "You added over images. The unit is nats PER image: take the mean.",
            wrong=lambda elbo, best, log_p: (np.sum(best - elbo), np.sum(log_p - best)),
        ),
    ],
    hint="Put the three numbers on a ladder, lowest first. Which step could a better encoder "
    "climb, and which one needs another family?",
    solutions=solutions,
    remark="With IWAE in the place of log p(x), the second number is 'at least so much'.",
)


active_latents = Question(
    "active_latents",
    "How many latent dimensions have a variance of z_mean over images above 0.01.",
    variable="my_active",
    answer=lambda z_mean, z_log_var: given.count(np.var(z_mean, axis=0) > 0.01),
    inputs=given.encodings,
    outcome="A whole number.",
    mistakes=[
        Mistake(
            "You compared the standard deviation with 0.01. The criterion is about the variance, "
            "so the deviation's limit is 0.1.",
            wrong=lambda m, v: given.count(np.std(m, axis=0) > 0.01),
        ),
        Mistake(
            "You looked at the variance of the noise, exp(z_log_var). That is large for a dead "
            "code: its cloud is the prior's, for every image.",
            wrong=lambda m, v: given.count(np.exp(v).mean(axis=0) > 0.01),
        ),
        Mistake(
            "You counted the dimensions with little noise, a small exp(z_log_var). A code may be "
            "narrow and still the same for every image.",
            wrong=lambda m, v: given.count(np.exp(v).mean(axis=0) < 0.5),
        ),
        Mistake(
            "You compared the range, largest minus smallest. It grows with the number of images; "
            "the criterion is about the variance.",
            wrong=lambda m, v: given.count(np.ptp(m, axis=0) > 0.1),
        ),
        Mistake(
            "You counted by the KL of each dimension. That is another criterion: a code that is "
            "narrow, or off 0, for every image alike has a KL and says nothing.",
            wrong=lambda m, v: given.count(np.mean(m**2 + np.exp(v) - 1 - v, axis=0) / 2 > 0.01),
        ),
        Mistake(
            "You counted images, not dimensions: the variance is to be taken over axis 0.",
            wrong=lambda m, v: given.count(np.var(m, axis=1) > 0.01),
        ),
        Mistake(
            "A weakly used latent is missing: its z_mean has a variance just above 0.01. The limit "
            "is 0.01, and z_mean alone counts.",
            wrong=lambda m, v: given.count(np.var(m, axis=0) > 0.05),
        ),
        Mistake(
            "You counted the dead ones.", wrong=lambda m, v: given.count(np.var(m, axis=0) <= 0.01)
        ),
        Mistake(
            "You averaged z_mean squared without subtracting its mean. A code that is 0.7 for "
            "every image says nothing about any.",
            wrong=lambda m, v: given.count(np.mean(m**2, axis=0) > 0.01),
        ),
    ],
    hint="A dimension is active when it says different things of different images. Which of the "
    "two arrays holds what it says, and along which axis do the images stand?",
    solutions=solutions,
    remark="The limit 0.01 is a convention; look at the variances, they usually leave a wide gap.",
)


mutual_information = Question(
    "mutual_information",
    "The mutual information between a code and which of the n images it is of.",
    variable="my_information",
    answer=given.right_information,
    inputs=given.log_densities,
    outcome="One number, in nats.",
    mistakes=[
        Mistake(
            "q(z) is the MEAN of the n posteriors, and you took their sum: log n is missing. The "
            "result should be at most log n, and yours is at most 0.",
            wrong=lambda q: given.information(
                q, lambda values: np.logaddexp.reduce(values, axis=1)
            ),
        ),
        Mistake(
            "You averaged over z instead of over images: the images x_j stand along axis 1.",
            wrong=lambda q: given.information(q, lambda values: given.log_mean_exp(values, 0)),
        ),
        Mistake(
            "You averaged the LOG densities. q(z) is the mean of the densities; the logarithm "
            "comes afterwards.",
            wrong=lambda q: given.information(q, lambda values: values.mean(axis=1)),
        ),
        Mistake(
            "You left out each code's own image. The aggregated posterior holds all n images; "
            "without the own one the ceiling log n is lost.",
            wrong=lambda q: given.information(q, given.without_own),
        ),
        Mistake(
            "You averaged over all pairs at once. Each code z_i has a q(z_i) of its own: the mean "
            "of row i.",
            wrong=lambda q: given.information(q, lambda values: given.log_mean_exp(values, None)),
        ),
        Mistake(
            "You took the image that fits each code best. The code was drawn for its own image, "
            "whether or not another one fits better: the diagonal.",
            wrong=lambda q: float(np.mean(q.max(axis=1) - given.log_mean_exp(q, 1))),
        ),
        Mistake(
            "The sign: it is log q(z|x) minus log q(z), and cannot be negative on average.",
            wrong=lambda q: -given.right_information(q),
        ),
        Mistake(
            "This is the mean log q(z|x) alone, minus the entropy of the codes. What does q(z) say "
            "of the same codes?",
            wrong=lambda q: given.information(q, lambda values: 0.0),
        ),
        Mistake(
            "You added over images: take the mean of the n differences.",
            wrong=lambda q: len(q) * given.right_information(q),
        ),
    ],
    hint="For each code: how much more probable is it under its own image than under all images "
    "together? The own image stands on the diagonal.",
    solutions=solutions,
    remark="metrics.rate_split does it for thousands of images, and gives the error.",
)


frechet_of_lines = Question(
    "frechet_of_lines",
    "The squared Fréchet distance of two samples of one feature, each taken for a Gaussian.",
    variable="my_frechet",
    answer=lambda first, second: given.distance(first, second),
    inputs=given.lines,
    outcome="One number, in squared units of the feature.",
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "You compared the variances. In one dimension the formula's last part is the squared "
            "difference of the STANDARD DEVIATIONS.",
            wrong=lambda a, b: given.distance(a, b, np.var),
        ),
        Mistake(
            "The difference of the deviations is not squared.",
            wrong=lambda a, b: given.distance(a, b, power=1),
        ),
        Mistake(
            "Only the means are compared. Clouds of one centre may still have different widths.",
            wrong=lambda a, b: given.distance(a, b, lambda values: 0.0),
        ),
        Mistake(
            "You added the deviations: two equal clouds would not be at 0. Take the difference.",
            wrong=lambda a, b: given.distance(a, b) + 4 * float(np.std(a)) * float(np.std(b)),
        ),
        Mistake(
            "The difference of the means is not squared.",
            wrong=lambda a, b: abs(a.mean() - b.mean()) + (np.std(a) - np.std(b)) ** 2,
        ),
        Mistake(
            "Only the widths are compared. Where are the clouds?",
            wrong=lambda a, b: float((np.std(a) - np.std(b)) ** 2),
        ),
        Mistake(
            "You took the root. The squared distance is what is customary, and what is asked for.",
            wrong=lambda a, b: math.sqrt(given.distance(a, b)),
        ),
        Mistake(
            "You added the variances and forgot the cross term, - 2 times the product of the "
            "deviations: two equal clouds would not be at 0.",
            wrong=lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var(),
        ),
        Mistake(
            "The cross term is - 2 times the product of the DEVIATIONS, the root of the product of "
            "the variances; you left out the root.",
            wrong=lambda a, b: (
                (a.mean() - b.mean()) ** 2 + a.var() + b.var() - 2 * a.var() * b.var()
            ),
        ),
    ],
    hint="Write the general formula with two variances in the place of C. What is the root of "
    "their product, and which square is hidden there?",
    solutions=solutions,
    remark="v1 + v2 - 2 sqrt(v1 v2) = (s1 - s2)^2: that is where the square was hidden.",
)
