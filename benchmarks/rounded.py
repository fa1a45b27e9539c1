"""The weights of a dense VAE in 8 bits: rounded, written as text, and put back into Keras.

A kernel (inputs, outputs) is stored as whole numbers from -127 to 127 with one scale for each
output. Biases are few and keep their 32 bits. A page and Keras compute with the same rounded
numbers, so that they can be compared.
"""

import base64

import numpy as np

LEVELS = 127


def round_weights(vae) -> dict:
    """Return the rounded weights of a VAE with dense parts.

    Args:
        vae: a built `VAE` with an `Encoder` and a `Decoder` of `parts`.

    Returns:
        {"image_shape": [height, width, channels], "encoder": [layer, ...], "decoder": [...]}.
        A layer has "inputs", "outputs", "silu", and in base64 "kernel" (int8, row by row), "scale"
        and "bias" (float32, little-endian). The encoder's last layer gives z_mean beside z_log_var,
        the decoder's last the logits.
    """
    return {
        "image_shape": list(vae.image_shape),
        "encoder": [_packed(*layer) for layer in _encoder(vae)],
        "decoder": [_packed(*layer) for layer in _decoder(vae)],
    }


def put_back(vae, model: dict) -> None:
    """Give a VAE the weights that `round_weights` made.

    Args:
        vae: a built VAE of the same architecture.
        model: what `round_weights` returned, or the same read from a file.

    Raises:
        ValueError: by Keras, if a shape differs.
    """
    *encoder, head = model["encoder"]
    for dense, layer in zip(_dense_layers(vae.encoder), encoder, strict=True):
        dense.set_weights(unpacked(layer))
    kernel, bias = unpacked(head)
    half = vae.latent.latent_dim
    vae.latent.z_mean.set_weights([kernel[:, :half], bias[:half]])
    vae.latent.z_log_var.set_weights([kernel[:, half:], bias[half:]])
    *decoder, last = model["decoder"]
    *dense_layers, pixels = _dense_layers(vae.decoder)
    for dense, layer in zip(dense_layers, decoder, strict=True):
        dense.set_weights(unpacked(layer))
    kernel, bias = unpacked(last)
    pixels.set_weights([kernel])
    vae.decoder.output_bias.assign(bias.reshape(vae.image_shape))


def unpacked(layer: dict) -> list:
    """Return the kernel (inputs, outputs) and the bias (outputs,) of a stored layer, float32."""
    whole = np.frombuffer(base64.b64decode(layer["kernel"]), np.int8)
    scale = np.frombuffer(base64.b64decode(layer["scale"]), "<f4")
    bias = np.frombuffer(base64.b64decode(layer["bias"]), "<f4")
    return [whole.reshape(layer["inputs"], layer["outputs"]) * scale, bias]


def _encoder(vae):
    """Yield (kernel, bias, whether SiLU follows) of the encoder and of the two heads as one."""
    for dense in _dense_layers(vae.encoder):
        yield *dense.get_weights(), True
    heads = [vae.latent.z_mean.get_weights(), vae.latent.z_log_var.get_weights()]
    yield *(np.concatenate(both, axis=-1) for both in zip(*heads, strict=True)), False


def _decoder(vae):
    *hidden, pixels = _dense_layers(vae.decoder)
    for dense in hidden:
        yield *dense.get_weights(), True
    yield pixels.get_weights()[0], np.ravel(vae.decoder.output_bias), False


def _dense_layers(part):
    return [layer for layer in part.network.layers if hasattr(layer, "units")]


def _packed(kernel, bias, silu):
    scale = np.maximum(np.abs(kernel).max(axis=0), 1e-12).astype("<f4") / LEVELS
    whole = np.round(kernel / scale).astype(np.int8)
    inputs, outputs = kernel.shape
    numbers = {"kernel": whole, "scale": scale, "bias": bias.astype("<f4")}
    text = {name: base64.b64encode(value.tobytes()).decode() for name, value in numbers.items()}
    return {"inputs": inputs, "outputs": outputs, "silu": silu, **text}
