"""Examiner of notebook 04's last step: does a class compose the three parts as a VAE does?

The parts that it is handed remember what was asked of them, and their KL is no Gaussian's. So a VAE
that computes for itself what it should ask a part for is told so.
"""

import keras
import numpy as np
import tensorflow as tf

from vae_helpers import parts
from vae_helpers.exercises import diagnose
from vae_helpers.exercises.blank import Blank, BlankLeft, is_blank
from vae_helpers.exercises.fault import Fault, examiner
from vae_helpers.exercises.timing import describe
from vae_helpers.known_mistakes import losses as known

cross_entropy = known.cross_entropy
KEYS = ("z_mean", "z_log_var", "z", "logits")
SHAPES = ((6, 4, 3, 2), (5, 3, 7, 2))  # images, height, width, channels


class WitnessEncoder(parts.Encoder):
    """An encoder that remembers whether it was called in training."""

    training = None

    def call(self, images, training=False):
        self.training = training
        return super().call(images, training=training)


class WitnessLatent(parts.LatentDistribution):
    """A latent distribution with a KL of its own, that remembers how often it was asked."""

    samples = kls = 0
    asked = ()

    def sample(self, z_mean, z_log_var):
        self.samples += 1
        self.asked = (z_mean, z_log_var)
        return super().sample(z_mean, z_log_var)

    def kl(self, z_mean, z_log_var):
        self.kls += 1
        return tf.reduce_sum(3.0 + 0.7 * tf.square(z_mean) + 0.2 * tf.square(z_log_var), axis=1)


def _vae(cls, shape):
    """A VAE of the learner's class and some images; weights are large, so that logits are."""
    if isinstance(cls, keras.Model):
        raise Fault("Hand over the class itself, without brackets, and not a VAE made of it.")
    if not isinstance(cls, type):
        raise Fault(f"Expected a class, got {type(cls).__name__}.")
    three = WitnessEncoder((5,)), WitnessLatent(3), parts.Decoder((5,), shape[1:])
    vae = _asked(cls, *three, what="__init__")
    images = np.random.default_rng().uniform(size=shape).astype("float32")
    if not getattr(vae, "trainable_weights", None):
        vae(images)  # whoever does not build it in __init__
    for weight in vae.trainable_weights:
        weight.assign(np.random.default_rng().normal(size=weight.shape))
    return vae, three, images


@examiner
def vae_fault(cls) -> str:
    """Return what is wrong with a class of VAEs, `cls(encoder, latent, decoder)`."""
    results = []
    for shape in SHAPES:
        vae, three, images = _vae(cls, shape)
        three[1].samples = 0
        forward = _asked(vae, images, what="call")
        words = _forward_fault(vae, three, images, forward)
        if words:
            return words
        results.append((vae, three, images, forward))
    return (
        _terms_fault(results)
        or _loss_fault(*results[0])
        or _loss_fault(*results[1])
        or _training_fault(*results[0])
        or _graph_fault(*results[0])
    )


def _asked(function, *arguments, what):
    uses = Blank.uses
    try:
        given = function(*arguments)
    except Exception as error:
        if isinstance(error, BlankLeft) or Blank.uses > uses:
            raise BlankLeft("a ____ is left") from None
        raise Fault(f"`{what}` fails. {describe(error)}") from None
    if is_blank(given):
        raise BlankLeft(f"a ____ is left in `{what}`")
    if given is None:
        raise Fault(f"`{what}` gives None. Is a `return` missing?")
    return given


def _same(given, right):
    return diagnose.same(given, right, 1e-4)


# --------------------------------------------------------------------------- call


def _forward_fault(vae, three, images, forward):
    if not isinstance(forward, dict) or set(forward) != set(KEYS):
        return f"`call` returns a dictionary with the keys {', '.join(KEYS)}; keep its last line."
    encoder, latent, decoder = three
    if latent.samples != 1:
        often = f"{latent.samples} times" if latent.samples else "never"
        return (
            f"`call` asks latent.sample {often}; it has to be once. Another latent distribution "
            "draws in another way, so only the part itself may draw."
        )
    z_mean, z_log_var = latent(encoder(images))
    if _same(forward["z_mean"], z_log_var) and _same(forward["z_log_var"], z_mean):
        return "z_mean and z_log_var are exchanged: the latent distribution gives the mean first."
    if not (_same(forward["z_mean"], z_mean) and _same(forward["z_log_var"], z_log_var)):
        return (
            "z_mean and z_log_var are not what the latent distribution gives for the encoder's "
            "features of these images."
        )
    if not (_same(latent.asked[0], z_mean) and _same(latent.asked[1], z_log_var)):
        return "latent.sample is asked with other things than z_mean and z_log_var, in this order."
    if np.shape(forward["z"]) != np.shape(z_mean) or _same(forward["z"], z_mean):
        return "`z` is not what latent.sample gave for z_mean and z_log_var."
    return _logits_fault(decoder, forward)


def _logits_fault(decoder, forward):
    logits, right = forward["logits"], decoder(forward["z"])
    if _same(logits, right):
        return ""
    if _same(logits, decoder(forward["z_mean"])):
        return (
            "The decoder is given z_mean. Then the noise is drawn and thrown away, and z_log_var "
            "hears of the KL alone: decode z."
        )
    if _same(logits, tf.sigmoid(right)):
        return "The logits went through a sigmoid: leave them as the decoder gives them."
    return "The logits are not what the decoder gives for z."


# --------------------------------------------------------------------------- terms


def _terms_fault(results):
    trials = {"reconstruction": [], "kl": []}
    for vae, (_, latent, _), images, forward in results:
        samples = latent.samples
        both = _asked(vae.terms, images, forward, what="terms")
        if not isinstance(both, tuple | list) or len(both) != 2:
            return "`terms` returns two things, reconstruction and kl, in this order."
        if latent.samples != samples:
            return "`terms` draws again: price the z that `call` has drawn; it is in `forward`."
        x, a = images, np.asarray(forward["logits"])
        right = cross_entropy(x, a).sum(axis=(1, 2, 3)), latent.kl(*_codes(forward))
        if _same(both[0], right[1]) and _same(both[1], right[0]):
            return "`terms` returns the two in the wrong order: reconstruction first, then kl."
        arguments = {"images": x, "logits": a}, {"z_mean": np.asarray(forward["z_mean"])}
        for name, given, term, names in zip(trials, both, right, arguments, strict=True):
            trials[name].append((given, np.asarray(term), names))
    return _reconstruction_fault(trials["reconstruction"]) or _kl_fault(trials["kl"], results)


def _codes(forward):
    return forward["z_mean"], forward["z_log_var"]


WRONG_RECONSTRUCTIONS = {
    "The reconstruction takes the logits through a sigmoid once too often: the cross-entropy wants "
    "the logits themselves.": lambda x, a: cross_entropy(x, known.sigmoid(a)),
    "Images and logits are exchanged in the cross-entropy: labels are the images.": lambda x, a: (
        cross_entropy(a, x)
    ),
    "The reconstruction is a squared error. The decoder's outputs are logits, and what they "
    "cost is the cross-entropy.": lambda x, a: (x - known.sigmoid(a)) ** 2,
}


def _reconstruction_fault(trials):
    for words, formula in WRONG_RECONSTRUCTIONS.items():
        if all(
            _same(given, formula(*arguments.values()).sum(axis=(1, 2, 3)))
            for given, _, arguments in trials
        ):
            return words
    return diagnose.difference(
        trials, 1e-4, of="Your reconstruction", outcome="One number for each image.", reveal=False
    )


def _kl_fault(trials, results):
    closed = [known.gaussian_kl(*map(np.asarray, _codes(forward))) for *_, forward in results]
    if all(_same(trial[0], kl.sum(axis=1)) for trial, kl in zip(trials, closed, strict=True)):
        return (
            "`terms` computes the Gaussian KL by itself. Ask the part, self.latent.kl: another "
            "latent distribution has another KL."
        )
    if not all(latent.kls for _, (_, latent, _), *_ in results):
        return "`terms` has to ask self.latent.kl for the KL."
    return diagnose.difference(
        trials, 1e-4, of="Your kl", outcome="One number for each image.", reveal=False
    )


# --------------------------------------------------------------------------- loss


def _loss(vae, images, forward):
    return vae.compute_loss(x=images, y_pred=forward)


def _loss_fault(vae, three, images, forward):
    latent = three[1]
    samples = latent.samples
    loss = _asked(_loss, vae, images, forward, what="compute_loss")
    if latent.samples != samples:
        return "`compute_loss` calls the model again: Keras hands over what `call` gave, as y_pred."
    reconstruction, kl = (np.asarray(term) for term in vae.terms(images, forward))
    right = float(np.mean(reconstruction + kl))
    if np.shape(loss) == (len(images),) and _same(loss, reconstruction + kl):
        return "`compute_loss` gives one number for each image: take the mean over the images."
    if np.shape(loss) != ():
        return f"`compute_loss` gives something of shape {np.shape(loss)}, expected one number."
    wrong = {
        "The loss subtracts the KL: both terms are costs, so they add up.": reconstruction - kl,
        "The loss is the ELBO. Training makes the loss small, so it has to be minus the ELBO, "
        "reconstruction + kl.": -(reconstruction + kl),
        "The KL is missing in the loss.": reconstruction,
        "The reconstruction is missing in the loss.": kl,
    }
    for words, each in wrong.items():
        if _same(loss, each.mean()):
            return words
    if _same(loss, np.sum(reconstruction + kl)):
        return (
            "The loss adds up the images, where it should take their mean: now the size of a step "
            "depends on the size of the batch."
        )
    if not _same(loss, right):
        return "The loss is not the mean over the images of reconstruction + kl."
    return ""


def _training_fault(vae, three, images, forward):
    vae(images, training=True)
    if three[0].training is not True:
        return (
            "With training=True the encoder is called with training=False: Dropout in it would "
            "never drop. `call` needs the argument `training`, and must not set it itself."
        )
    with tf.GradientTape(persistent=True) as tape:
        forward = vae(images, training=True)
        loss = _loss(vae, images, forward)
        each = tf.nn.sigmoid_cross_entropy_with_logits(images, forward["logits"])
        kl = three[1].kl(*_codes(forward))
        right = tf.reduce_mean(tf.reduce_sum(each, axis=[1, 2, 3]) + kl)
    if not isinstance(loss, tf.Tensor):
        return "The loss is right, but it is no tensor: no gradient goes back. Write it in tf."
    weights = [weight for part in three for weight in part.trainable_weights]
    through_z = tape.gradient(forward["logits"], three[1].trainable_weights)
    gradients = tape.gradient(loss, weights)
    if any(gradient is None for gradient in [*through_z, *gradients]):
        return (
            "The loss is right, but not every gradient arrives: is there NumPy or a stop_gradient "
            "on the way?"
        )
    if not all(map(_same, gradients, tape.gradient(right, weights))):
        return (
            "The loss is right, but its gradient is not that of reconstruction + kl: is there a "
            "stop_gradient?"
        )
    return ""


def _graph_fault(vae, three, images, forward):
    """What works on numbers, but not while `fit` builds its graph."""
    spec = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
    step = tf.function(lambda x: _loss(vae, x, vae(x, training=True)), input_signature=[spec])
    try:
        step(images)
    except Exception:
        return (
            "Called directly it is right. Under fit it fails: while the graph is built there are "
            "no numbers yet, and the size of the batch is not known."
        )
    return ""
