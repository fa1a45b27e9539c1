"""Which loss does a model minimise, and how is it run on a batch of images?"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from vae_helpers.audit.model.instrument import GradientTaken, gradients_captured, own_methods
from vae_helpers.audit.model.symbols import symbols_of

INSTEAD = (
    "pass loss=: a function of (images, logits, z_mean, z_log_var), of (model, images) or of "
    "(images, outputs); or give audit_loss a function of four arguments"
)
# Methods that hold a loss, where neither train_step nor Keras' compute_loss is overridden.
LOSS_METHODS = ("compute_loss", "vae_loss", "loss_function", "loss_fn", "elbo_loss", "total_loss")
TOTALS = ("loss", "total_loss", "total", "vae_loss", "objective", "neg_elbo", "negative_elbo")
# What a parameter of a loss is, by its name; the first that fits.
PARAMETERS = (
    ("model", r"model|vae|net|network|autoencoder|self"),
    ("encoder", r"enc|encoder"),
    ("decoder", r"dec|decoder"),
    # Before z_mean: x_decoded_mean is a usual name.
    ("output", r".*(recon|decod|pred|logit|output|x_?hat|generated).*|p|x_out|x_prime|x_tilde"),
    ("z_log_var", r".*(log_?v|log_?std|log_?sigma|sigma|std).*|lv"),
    ("z_mean", r".*(mean|mu)|mu_.*|mean_.*|mus?"),
    ("z", r"z|code|codes|latent|sample"),
    ("images", r".*(image|input|true|target|origin|data|batch).*|x|x_?in|img|imgs|y"),
)
POSITIONS = {2: ("images", "output"), 4: ("images", "output", "z_mean", "z_log_var")}


@dataclass(frozen=True)
class Crafted:
    """What takes the place of the networks' outputs while a loss is called."""

    output: tf.Tensor
    z_mean: tf.Tensor
    z_log_var: tf.Tensor
    z: tf.Tensor


@dataclass(frozen=True)
class Objective:
    """How to get a model's loss.

    Attributes:
        text: where it was found, for a note.
        rehearse: `rehearse(images)` runs all that the loss runs, to be watched.
        run: `run(images, crafted)` returns what the loss returns; `crafted` is for losses that
            are functions of it.
        symbols: the loss's outside variables that are Keras symbols: (space, key, symbol).
    """

    text: str
    rehearse: Callable
    run: Callable
    symbols: tuple = ()


def find_objective(model, loss=None, inputs=None) -> Objective:
    """Return the loss that a model minimises.

    Args:
        model: a Keras model.
        loss: None to look for it in the model, or a function.
        inputs: None, or a function from images to what `fit` is given for them.

    Raises:
        ValueError: if there is none; naming what was looked for.
    """
    if loss is not None:
        return _given(model, loss, f"the function {_name_of(loss)} that was given", inputs)
    if type(model).train_step is not keras.Model.train_step:
        return _train_step(model, inputs)
    signature = inspect.signature(model.compute_loss).parameters
    is_keras_style = {"x", "y", "y_pred"} <= set(signature)
    overridden = is_keras_style and type(model).compute_loss is not keras.Model.compute_loss
    if overridden or getattr(model, "_compile_loss", None) is not None:
        return _compute_loss(model, inputs)
    own = own_methods(model)
    if not is_keras_style:
        own = [*own, "compute_loss"]
    for name in LOSS_METHODS:
        if name in own:
            return _given(model, getattr(model, name), f"its method {name}", inputs)
    return _compute_loss(model, inputs)  # what layers add with add_loss


# --- the ways to a loss -------------------------------------------------------------------------


def _train_step(model, inputs):
    """The loss whose gradient `train_step` asks for."""
    forms = [inputs] if inputs else [lambda x: x, lambda x: (x, x), lambda x: (x,)]
    chosen = []

    def rehearse(images):
        errors = []
        for form in chosen or forms:
            targets = []
            try:
                with gradients_captured(targets):
                    model.train_step(form(images))
            except Exception as error:  # the author's code may raise anything
                errors.append(f"{type(error).__name__}: {first_line(error)}")
            if targets:
                chosen[:] = [form]
                return _one_target(targets)
        raise ValueError(
            "train_step asked for no gradient by tape.gradient, where the audit takes the loss"
            + (f" (it raised {errors[0]})" if errors else "")
            + ("; compile the model first" if getattr(model, "optimizer", None) is None else "")
            + f"; if it needs other data, pass inputs=, a function of the images; or {INSTEAD}"
        )

    def run(images, crafted):
        try:
            with gradients_captured():
                model.train_step(chosen[0](images))
        except GradientTaken as taken:
            # A tape adds up what it is given, whatever its shape.
            targets = tf.nest.flatten(taken.target)
            return tf.add_n([tf.reduce_sum(tf.cast(each, tf.float32)) for each in targets])
        raise ValueError("train_step asked for no gradient")

    return Objective("its train_step, where the gradient is taken", rehearse, run)


def _one_target(targets):
    first = tf.nest.flatten(targets[0])
    if any(
        len(tf.nest.flatten(other)) != len(first)
        or any(a is not b for a, b in zip(tf.nest.flatten(other), first, strict=True))
        for other in targets[1:]
    ):
        raise ValueError(
            f"train_step takes the gradients of {len(targets)} losses, expected one: {INSTEAD}"
        )


def _compute_loss(model, inputs):
    """Keras' own step: `compute_loss` of what `call` returned, `add_loss` included."""
    compiled = _compiled_functions(model)
    symbols = tuple(symbol for function in compiled for symbol in symbols_of(function))
    has_training = "training" in inspect.signature(model.compute_loss).parameters

    def forward(images):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(inputs(images) if inputs else images)
        return x, y, _forward(model, x)

    def run(images, crafted):
        x, y, outputs = forward(images)
        if y is None and compiled:
            y = images
            if tf.is_tensor(outputs) and outputs.shape[1:] != images.shape[1:]:
                y = tf.reshape(images, tf.shape(outputs))
        training = {"training": True} if has_training else {}
        return model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=None, **training)

    def rehearse(images):
        if symbols:  # with which the loss itself cannot be run
            forward(images)
            return
        try:
            run(images, None)
        except Exception as error:  # the author's code may raise anything
            raise ValueError(
                f"train_step is not overridden, and compute_loss raised {type(error).__name__}: "
                f"{first_line(error)}; compile the model with its loss, or {INSTEAD}"
            ) from error

    if type(model).compute_loss is not keras.Model.compute_loss:
        text = "its compute_loss"
    elif compiled:
        text = "what compile(loss=...) was given, and what its layers add"
    else:
        text = "what its layers add with add_loss"
    return Objective(text, rehearse, run, symbols)


def _compiled_functions(model):
    """What `compile(loss=...)` was given, flattened; empty where nothing."""
    compiled = getattr(model, "_compile_loss", None)
    user = getattr(compiled, "_user_loss", None)
    return [getattr(each, "fn", each) for each in keras.tree.flatten(user) if each is not None]


def _given(model, loss, text, inputs):
    """A function that was given, its arguments told by their names."""
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    if not callable(loss):
        raise ValueError(f"loss is {loss!r:.80}, expected a function: {INSTEAD}")
    kinds = _arguments(loss)
    takes_output, has_call = "output" in kinds, type(model).call is not keras.Model.call
    # A function of (images, outputs) stands where compile's would: layers may add to it.
    adds = takes_output and "z_mean" not in kinds and has_call

    def forward(images):
        x = keras.utils.unpack_x_y_sample_weight(inputs(images) if inputs else images)[0]
        return _forward(model, x)

    def call_loss(images, crafted):
        known = {"model": model, "images": inputs(images) if inputs else images}
        known |= {part: getattr(model, part, None) for part in ("encoder", "decoder")}
        if takes_output and crafted.output.shape[1:] != images.shape[1:]:
            known["images"] = tf.reshape(images, tf.shape(crafted.output))
        return loss(*(known[kind] if kind in known else getattr(crafted, kind) for kind in kinds))

    def run(images, crafted):
        if not adds:
            return call_loss(images, crafted)
        forward(images)
        value, extra = call_loss(images, crafted), [tf.reduce_sum(each) for each in model.losses]
        return tf.reduce_mean(value) + tf.add_n(extra) if extra else value

    def rehearse(images):
        if takes_output and not has_call:
            _train_step(model, inputs).rehearse(images)
            return
        try:
            forward(images) if takes_output else call_loss(images, None)
        except Exception as error:  # the author's code may raise anything
            raise ValueError(
                f"{text} raised {type(error).__name__}: {first_line(error)}; it was taken for "
                f"a function of ({', '.join(kinds)}): {INSTEAD}"
            ) from error

    return Objective(text, rehearse, run, tuple(symbols_of(loss)))


def _forward(model, x):
    """The model's output for x, as Keras' `train_step` asks for it."""
    return model(x, training=True) if model._call_has_training_arg else model(x)


def _arguments(loss):
    """What each argument of a loss is, by name or, for two or four, by position."""
    if isinstance(loss, keras.losses.Loss):
        return POSITIONS[2]
    parameters = [
        parameter
        for parameter in inspect.signature(loss).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY)
    ]
    names = [parameter.name for parameter in parameters]
    kinds = [kind_of(name) for name in names]
    if None in kinds or len(set(kinds)) < len(kinds):
        if len(kinds) == 2 and (kinds[0] == "model" or kinds == [None, "images"]):
            kinds = ["model", "images"]
        else:
            kinds = POSITIONS.get(len(names))
    if not kinds:
        raise ValueError(
            f"the arguments of the loss are ({', '.join(names)}), which the audit cannot tell "
            f"apart: {INSTEAD}"
        )
    return tuple(kinds)


def kind_of(name):
    """Return what a variable is by its name, a key of `PARAMETERS`; None where it says nothing."""
    return next(
        (kind for kind, pattern in PARAMETERS if re.fullmatch(pattern, name, re.IGNORECASE)), None
    )


def first_line(error):
    """Return the first line of an error's message that says something."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints in bold
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Exception encountered when")] or lines
    return (lines[0] if lines else "no message")[:200]


def _name_of(function):
    return getattr(function, "__name__", type(function).__name__)
