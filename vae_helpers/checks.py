"""What `VAE` asks before it trains, when it fails, and before it is saved."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from vae_helpers.images import check_images, images_of


def check_input(x, name: str, image_shape: tuple) -> None:
    """Reject inputs that are no images of a model: an array whole, a dataset by its first batch.

    Args:
        x: what Keras' loop is given.
        name: what the error calls it.
        image_shape: (height, width, channels) that the model takes.

    Raises:
        ValueError: see `images.check_images`; also for images and labels in one tuple, and for an
            empty dataset.
    """
    if isinstance(x, tuple | list):
        raise ValueError(f"{name} is a {type(x).__name__}: pass images and labels as two arguments")
    if isinstance(x, keras.utils.PyDataset):
        x, name = _inputs_of(x[0]), f"the first batch of {name}"
    elif isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
        if batch is None:
            raise ValueError(f"{name} is an empty dataset, expected batches of images")
        x, name = _inputs_of(batch), f"the first batch of {name}"
    if isinstance(x, dict) and "images" not in x:
        return  # a variant's own inputs: it checks them
    if isinstance(images_of(x), np.ndarray | tf.Tensor):
        check_images(images_of(x), name, image_shape)


def fault_of_sampler(latent) -> str:
    """Return what is wrong with the shapes that `latent.sample` gives, "" when nothing is.

    TensorFlow's own error names two shapes and no line of the learner's code.
    """
    for n in (1, 3, 5):  # noise for one whole batch is added to one image without complaint
        z_mean = tf.zeros((n, latent.latent_dim))
        try:
            shape = tuple(latent.sample(z_mean, z_mean).shape)
        except (ValueError, tf.errors.InvalidArgumentError):
            shape = "no array at all"
        except Exception:  # a sampler of another signature is no fault of its shapes
            return ""
        if shape != tuple(z_mean.shape):
            return (
                f"latent.sample gives {shape} for {n} image{'s'[: n > 1]}, expected "
                f"{tuple(z_mean.shape)}: is a batch size written into it? Draw noise of the shape "
                "tf.shape(z_mean)"
            )
    return ""


def warn_if_unregistered(cls: type) -> None:
    """Warn of a class that Keras could not find when it loads a saved model."""
    name = keras.saving.get_registered_name(cls)
    if cls.__module__.startswith("keras.") or keras.saving.get_registered_object(name):
        return
    warnings.warn(
        f"{cls.__name__} is not registered with Keras, so load_model will not find it. Write\n"
        "@keras.saving.register_keras_serializable() above its class, or load with "
        f"custom_objects={{{cls.__name__!r}: {cls.__name__}}}.",
        stacklevel=3,
    )


def _inputs_of(batch):
    """The inputs of a batch that may hold labels beside them."""
    return batch[0] if isinstance(batch, tuple) else batch
