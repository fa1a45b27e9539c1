"""Watch a model run: every call of a layer, or of a method of the model, with what it returned."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.audit.model import instrument

# Names that people give to the two outputs of an encoder.
MEAN_NAME = re.compile(r"mean|(^|[_.])(mu|means?|loc)($|[_\d])", re.IGNORECASE)
LOG_STD_NAME = re.compile(r"log_?(std|sigma|scale|stddev)", re.IGNORECASE)
LOG_NAME = re.compile(r"log_?(v|std|sigma|scale)|(^|_)(lv|lvar)($|_)", re.IGNORECASE)
STD_NAME = re.compile(r"(^|_)(std|sigma|stddev|scale)($|[_\d])", re.IGNORECASE)
WIDTH_NAME = re.compile(f"{LOG_NAME.pattern}|{STD_NAME.pattern}|var", re.IGNORECASE)


@dataclass(eq=False)
class Call:
    """One recorded call.

    Attributes:
        source: a layer or operation, or the name of a method of the model.
        name: how it is called in notes and errors.
        inputs, leaves: the tensors that went in and came out, flattened.
        values: `leaves` as arrays.
        outputs: what was returned, with its structure.
        start, end: position among the starts and ends of all calls.
        adds_loss: whether it, or a call inside it, used `add_loss`.
    """

    source: object
    name: str
    args: tuple
    kwargs: dict
    inputs: list
    start: int
    end: int = 0
    outputs: object = None
    leaves: list = field(default_factory=list)
    values: list = field(default_factory=list)
    adds_loss: bool = False

    @property
    def key(self):
        """What tells its source from others."""
        return self.source if isinstance(self.source, str) else id(self.source)

    def holds(self, other):
        """Whether `other` happened inside this call."""
        return self.start < other.start and other.end < self.end


def record(model, run: Callable, noise) -> list[Call]:
    """Run once with every draw equal to `noise` and return the calls, in the order they began."""
    calls, clock, losses = [], [0], [0]
    names = _names(model)

    def tick():
        clock[0] += 1
        return clock[0]

    def handler(source, proceed, args, kwargs):
        inputs = _tensors((args, kwargs))
        if inputs is None:
            return proceed()
        name = source if isinstance(source, str) else names.get(id(source), source.name)
        call = Call(source, name, args, kwargs, inputs, start=tick())
        calls.append(call)
        before = losses[0]
        outputs = proceed()
        call.outputs, call.end = outputs, tick()
        call.leaves = _tensors(outputs) or []
        call.values = [array(leaf) for leaf in call.leaves]
        call.adds_loss = losses[0] > before
        return outputs

    add_loss = keras.Layer.add_loss

    def counted(layer, loss):
        losses[0] += 1
        return add_loss(layer, loss)

    with (
        instrument.known_noise(noise),
        instrument.replaced([(keras.Layer, "add_loss", counted)]),
        instrument.intercepted(model, handler),
    ):
        run()
    return [call for call in calls if call.end and call.source is not model]


def _tensors(structure):
    """The tensors of a structure, or None where symbols stand in for them."""
    leaves = keras.tree.flatten(structure)
    if any(isinstance(leaf, keras.KerasTensor) for leaf in leaves):
        return None
    return [leaf for leaf in leaves if tf.is_tensor(leaf)]


def array(tensor):
    """Return a tensor as float64, nothing where it has no value yet."""
    return tensor.numpy().astype("float64") if hasattr(tensor, "numpy") else np.zeros(0)


def _names(model):
    """Names of layers: that of the attribute that holds it, where there is one."""
    names = {}
    for layer in instrument.layers_of(model):
        for name, value in vars(layer).items():
            if isinstance(value, keras.Operation) and not name.startswith("__"):
                names.setdefault(id(value), name)
    for layer in instrument.layers_of(model):  # a layer's own name, where its author chose it
        kind = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", type(layer).__name__).lower()
        if not re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            known = names.get(id(layer))
            if known is None or not WIDTH_NAME.search(known) and not MEAN_NAME.search(known):
                names[id(layer)] = layer.name
    return names
