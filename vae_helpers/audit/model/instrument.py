"""Run a model's own code under observation: calls intercepted, noise known, nothing left changed.

What is patched is patched for the time of a `with` block and restored after errors as well. The
patches act on the whole process: no other thread may use Keras meanwhile.
"""

import contextlib
import functools
import importlib
import random
import types
import warnings

import keras
import numpy as np
import tensorflow as tf

ABSENT = object()
# What every draw from a normal or uniform distribution ends in, whichever name it was called by.
RAW_DRAWS = (
    ("gen_random_ops", "random_standard_normal", "normal"),
    ("gen_stateless_random_ops_v2", "stateless_random_normal_v2", "normal"),
    ("gen_random_ops", "random_uniform", "uniform"),
    ("gen_stateless_random_ops_v2", "stateless_random_uniform_v2", "uniform"),
)
KEEP_ALL = 0.999  # a uniform draw at which Dropout keeps every entry


class GradientTaken(Exception):
    """Raised in place of `tape.gradient`: what a training step minimises is `target`."""

    def __init__(self, target):
        super().__init__("the loss was captured")
        self.target = target


@contextlib.contextmanager
def replaced(replacements):
    """Set attributes of classes, modules or instances for the time of a block.

    Args:
        replacements: triples of owner, name and value.
    """
    undo = []
    try:
        for owner, name, value in replacements:
            undo.append((owner, name, vars(owner).get(name, ABSENT)))
            _put(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(undo):
            _put(owner, name, value)


def _put(owner, name, value):
    if not isinstance(owner, type | types.ModuleType):
        # Past Keras' __setattr__, which would track the value as a part of the model.
        if value is ABSENT:
            vars(owner).pop(name, None)
        else:
            vars(owner)[name] = value
    elif value is ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, value)


@contextlib.contextmanager
def intercepted(model, handler):
    """Route every call of a layer, an operation or a method of the model through `handler`.

    Args:
        model: the Keras model whose own methods (`encode`, `reparameterize`, ...) are meant.
        handler: `handler(source, proceed, args, kwargs)` returns the call's output; `source` is
            the layer or operation, or the method's name; `proceed()` makes the real call.
    """
    layer_call, operation_call = keras.Layer.__call__, keras.Operation.__call__

    def of_layer(layer, *args, **kwargs):
        return handler(layer, lambda: layer_call(layer, *args, **kwargs), args, kwargs)

    def of_operation(operation, *args, **kwargs):
        def proceed():
            return operation_call(operation, *args, **kwargs)

        # A layer's own __call__ ends here as well.
        is_layer = isinstance(operation, keras.Layer)
        return proceed() if is_layer else handler(operation, proceed, args, kwargs)

    def of_method(name, bound):
        return lambda *args, **kwargs: handler(name, lambda: bound(*args, **kwargs), args, kwargs)

    methods = [(model, name, of_method(name, getattr(model, name))) for name in own_methods(model)]
    classes = [(keras.Layer, "__call__", of_layer), (keras.Operation, "__call__", of_operation)]
    were_eager = tf.config.functions_run_eagerly()
    with replaced([*classes, *methods]):
        # A compiled function keeps what it saw when it was traced: let all of them run anew.
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(were_eager)


def own_methods(model):
    """Return the names of the methods that the model's author added to those of Keras."""
    return [name for name in _methods_of(type(model)) if name not in vars(model)]


@functools.cache
def _methods_of(kind):
    names = {}
    for owner in kind.__mro__:
        if owner.__module__.split(".")[0] in ("keras", "tensorflow", "builtins"):
            continue
        for name, value in vars(owner).items():
            is_code = isinstance(value, types.FunctionType | staticmethod | classmethod)
            is_code = is_code or hasattr(value, "python_function")  # a tf.function
            if is_code and not name.startswith("__") and not hasattr(keras.Model, name):
                names[name] = None
    return tuple(names)


@contextlib.contextmanager
def known_noise(value):
    """Let every standard normal draw be `value`, and every uniform one nearly 1."""

    def normal(shape, *args, dtype=tf.float32, **_):
        return tf.fill(shape, tf.cast(value, _dtype_among(args, dtype)))

    def uniform(shape, *args, dtype=tf.float32, **_):
        return tf.fill(shape, tf.cast(KEEP_ALL, _dtype_among(args, dtype)))

    draws = {"normal": normal, "uniform": uniform}
    with replaced([(owner, name, draws[kind]) for owner, name, kind in _raw_draws()]):
        yield


@functools.cache
def _raw_draws():
    """The functions of `RAW_DRAWS` that this TensorFlow has; without them a draw stays random."""
    found = []
    for module, name, kind in RAW_DRAWS:
        with contextlib.suppress(ImportError):
            owner = importlib.import_module(f"tensorflow.python.ops.{module}")
            if hasattr(owner, name):
                found.append((owner, name, kind))
    return found


def _dtype_among(args, default):
    return next((each for each in args if isinstance(each, tf.DType)), default)


@contextlib.contextmanager
def quiet():
    """Keep back what TensorFlow and Keras say of a model that is run in unusual ways."""
    logger = tf.get_logger()
    level = logger.level
    try:
        logger.setLevel("ERROR")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def metrics_idle():
    """Let means that are tracked not be updated: it takes more time than the loss itself."""

    def nothing(*args, **kwargs):
        return None

    with replaced([(keras.metrics.Mean, "update_state", nothing)]):
        yield


@contextlib.contextmanager
def gradients_captured(targets=None):
    """Keep a training step from training.

    Args:
        targets: a list that collects what gradients are asked of, while the step goes on with
            gradients of 0 and optimizers that do nothing; None to stop it there, by
            `GradientTaken`.
    """

    def stop(_, target, *args, **kwargs):
        raise GradientTaken(target)

    def collect(_, target, sources, *args, **kwargs):
        targets.append(target)
        return tf.nest.map_structure(lambda each: tf.zeros(each.shape, each.dtype), sources)

    def nothing(*args, **kwargs):
        return None

    gradient = stop if targets is None else collect
    optimizers = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    with replaced(
        [(tf.GradientTape, "gradient", gradient)]
        + [(cls, name, nothing) for cls in optimizers for name in ("apply", "apply_gradients")]
    ):
        yield


@contextlib.contextmanager
def unchanged(model):
    """Leave the model as it was: weights, metrics, optimizer, seeds, counters, regularisers.

    The regularisers of weights are switched off meanwhile: they add a constant to the loss.
    """
    saved = [(variable, variable.numpy()) for variable in variables_of(model)]
    layers = layers_of(model)
    attributes = [(vars(layer), _plain(vars(layer))) for layer in layers]
    compiled = vars(getattr(model, "_compile_loss", None) or types.SimpleNamespace())
    as_compiled = dict(compiled)
    weights = [(weight, weight.regularizer) for weight in model.trainable_variables]
    generators = random.getstate(), np.random.get_state(), _context_seeds()
    try:
        for weight, _ in weights:
            weight.regularizer = None
        yield
    finally:
        for weight, regularizer in weights:
            weight.regularizer = regularizer
        for variable, value in saved:
            if not np.array_equal(variable.numpy(), value):
                variable.assign(value)
        for space, plain in attributes:
            for name in _plain(space).keys() - plain.keys():
                if tf.is_tensor(space[name]):  # of a graph that is gone
                    del space[name]
            space.update(plain)
        compiled.clear()
        compiled.update(as_compiled)
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        if generators[2] is not None:
            tf_context().__dict__["_rng"].setstate(generators[2])
        forget_losses(model)


def layers_of(model):
    """Return the model and all layers in it."""
    return [model, *model._flatten_layers(include_self=False)]


def variables_of(model):
    """Return every variable that a training step of the model might assign."""
    found = [*model.variables]
    for layer in layers_of(model):
        for value in _items(list(vars(layer).values())):
            if isinstance(value, tf.Variable | keras.Variable):
                found.append(value)
            elif isinstance(value, keras.Metric | keras.optimizers.Optimizer):
                found.extend(value.variables)
    found.append(_global_seed())
    return list({id(variable): variable for variable in found if variable is not None}.values())


def forget_losses(model):
    """Drop what `add_loss` left in the layers: numbers or symbols of an earlier call."""
    model._clear_losses()


def _items(value):
    """Yield what a list or dict holds, one level of nesting down as well."""
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list | tuple):
            yield from (item for item in (each.values() if isinstance(each, dict) else each))
        else:
            yield each


def _plain(space):
    """The author's numbers, flags and tensors among attributes, such as a step counter."""
    return {
        name: value
        for name, value in space.items()
        if (type(value) in (int, float, bool) or isinstance(value, tf.Tensor))
        and not name.startswith("_")
        and name != "built"
    }


def _global_seed():
    """The state of Keras' own seed, which draws without a seed advance."""
    with contextlib.suppress(ImportError, AttributeError):
        module = importlib.import_module("keras.src.random.seed_generator")
        return module.global_seed_generator().state
    return None


def tf_context():
    """Return TensorFlow's context, which holds the seed that `tf.random.set_seed` set."""
    return importlib.import_module("tensorflow.python.eager.context").context()


def _context_seeds():
    generator = vars(tf_context()).get("_rng")
    return generator.getstate() if isinstance(generator, random.Random) else None
