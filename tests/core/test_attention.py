"""The parts with attention: contracts, the formula by hand, what positions are for, and maps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_helpers.attention import (
    AttentionBlock,
    AttentiveConvEncoder,
    GridAttention,
    PatchDecoder,
    PatchEncoder,
    patches_of,
    pictures_of,
)
from vae_helpers.audit import health_report
from vae_helpers.parts import ConvDecoder, Decoder, Encoder, LatentDistribution
from vae_helpers.vae import VAE

SMALL = {"width": 8, "heads": 2, "blocks": 1, "units": 8}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def small_vae(image_shape=(28, 28, 1), patch=7, latent_dim=3, memory=2):
    decoder = PatchDecoder(patch=patch, memory=memory, image_shape=image_shape, **SMALL)
    encoder = PatchEncoder(patch=patch, summaries=memory, **SMALL)
    return VAE(encoder, LatentDistribution(latent_dim), decoder)


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return small_vae()


@pytest.fixture(scope="module")
def images():
    return noise(6, 28, 28, 1)


# --- patches ---------------------------------------------------------------------------------


def test_each_row_is_the_patch_that_lies_there():
    images = noise(2, 6, 8, 3)
    patches = patches_of(images, 2)
    assert patches.shape == (2, 12, 12)
    for token in range(12):
        row, column = 2 * (token // 4), 2 * (token % 4)
        expected = images[:, row : row + 2, column : column + 2].reshape(2, -1)
        np.testing.assert_array_equal(patches[:, token], expected)


def test_pictures_are_laid_out_as_they_were_cut():
    images = noise(2, 6, 8, 3)
    np.testing.assert_array_equal(pictures_of(patches_of(images, 2), 2, (6, 8, 3)), images)


@pytest.mark.parametrize("patch", [5, 8, 0, 56])
def test_a_patch_that_does_not_divide_the_image_is_rejected_with_those_that_do(patch, images):
    with pytest.raises(ValueError, match=rf"patch is {patch} for images of 28 x 28.* 1, 2, 4, 7,"):
        PatchDecoder(patch=patch)
    with pytest.raises(ValueError, match=rf"patch is {patch} .*divides both"):
        PatchEncoder(patch=patch, **SMALL)(images)


def test_heads_that_do_not_divide_the_width_are_rejected(images):
    with pytest.raises(ValueError, match="heads is 3 for tokens of width 8"):
        PatchEncoder(width=8, heads=3)(images)


# --- the contracts of the parts --------------------------------------------------------------


@pytest.mark.parametrize(
    "encoder",
    [
        PatchEncoder(**SMALL),
        PatchEncoder(summaries=2, **SMALL),
        AttentiveConvEncoder((4, 8), 8, 2),
    ],
)
def test_an_encoder_treats_each_image_by_itself(encoder, images):
    features = encoder(images)
    assert features.shape == (6, 8)
    np.testing.assert_allclose(encoder(images[2:3]), features[2:3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "patch", "memory"),
    [((28, 28, 1), 7, 2), ((28, 28, 1), 4, 0), ((56, 56, 1), 14, 0), ((32, 32, 3), 8, 2)],
)
def test_a_vae_of_patches_works_at_any_size_that_the_patch_divides(shape, patch, memory):
    vae = small_vae(shape, patch, memory=memory)
    images = noise(4, *shape)
    vae.start_at_mean_image(images)
    assert vae.reconstruct(images).shape == (4, *shape)
    assert vae.generate(2, seed=0).shape == (2, *shape)
    with tf.GradientTape() as tape:
        loss = vae.compute_loss(images, y_pred=vae(images))
    for weight, gradient in zip(
        vae.trainable_variables, tape.gradient(loss, vae.trainable_variables), strict=True
    ):
        assert gradient is not None, f"{weight.path} is never trained"


def test_sides_of_different_length_work():
    vae = small_vae((8, 12, 1), 4)
    assert vae.reconstruct(noise(3, 8, 12, 1)).shape == (3, 8, 12, 1)


def test_the_output_bias_is_an_image_of_logits(vae):
    z = noise(3, 3)
    before, start = vae.decoder(z), vae.decoder.output_bias.numpy()
    vae.decoder.output_bias.assign(start + noise(28, 28, 1))
    np.testing.assert_allclose(vae.decoder(z) - before, [noise(28, 28, 1)] * 3, atol=1e-5)
    vae.decoder.output_bias.assign(start)


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        (lambda: PatchEncoder(**SMALL), lambda: Decoder((8,))),
        (lambda: PatchEncoder(summaries=2, **SMALL), lambda: PatchDecoder(**SMALL)),
        (lambda: Encoder((8,)), lambda: PatchDecoder(memory=2, **SMALL)),
        (lambda: AttentiveConvEncoder((4, 8), 8, 2), lambda: ConvDecoder(4, 8)),
    ],
)
def test_each_part_works_beside_the_others_and_is_saved_and_loaded(
    encoder, decoder, images, tmp_path
):
    vae = VAE(encoder(), LatentDistribution(2), decoder())
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.count_params() == vae.count_params()
    np.testing.assert_allclose(loaded.reconstruct(images), vae.reconstruct(images), atol=1e-6)


@pytest.mark.parametrize(
    "part",
    [
        PatchEncoder(patch=4, width=12, heads=3, blocks=1, summaries=2, units=5),
        PatchDecoder(4, 12, 3, 1, memory=3, units=5, image_shape=(8, 12, 1)),
        AttentiveConvEncoder((4, 6), 5, heads=3),
        AttentionBlock(3, has_memory=True),
        GridAttention(3),
    ],
)
def test_a_part_is_made_again_from_its_configuration(part):
    again = type(part).from_config(part.get_config())
    assert again.get_config() == part.get_config()


def trained_on_shades(epochs):
    keras.utils.set_random_seed(1)
    vae = small_vae((8, 8, 1), 4, latent_dim=2)
    shades = np.linspace(0, 1, 64)[:, None, None, None] * np.ones((64, 8, 8, 1))
    shades = shades.astype("float32")
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False, steps_per_execution=1)
    return vae, shades, vae.fit(shades, epochs=epochs, batch_size=16, verbose=0).history


def test_it_trains():
    _, _, history = trained_on_shades(epochs=4)
    assert history["elbo"][-1] > history["elbo"][0]


@pytest.mark.slow
def test_the_health_report_reads_it():
    vae, shades, _ = trained_on_shades(epochs=1)
    assert str(health_report(vae, shades))


def test_half_precision_works(images):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        vae = small_vae()
        assert np.isfinite(vae(images)["logits"]).all()
    finally:
        keras.config.set_dtype_policy("float32")


# --- attention itself ------------------------------------------------------------------------


def by_hand(attention, queries, memory):
    """Multi-head attention as the formula has it: softmax(q k / sqrt(d)) v for each head."""
    wq, bq, wk, bk, wv, bv, wo, bo = attention.get_weights()
    q, k, v = (
        np.einsum("btw,whd->bhtd", x, kernel) + bias[:, None]
        for kernel, bias, x in ((wq, bq, queries), (wk, bk, memory), (wv, bv, memory))
    )
    scores = np.exp(np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(q.shape[-1]))
    scores /= scores.sum(axis=-1, keepdims=True)
    return np.einsum("bhqk,bhkd,hdw->bqw", scores, v, wo) + bo, scores


def test_a_block_looks_at_the_memory_then_at_itself_as_the_formula_says():
    block = AttentionBlock(2, has_memory=True)
    tokens, memory = noise(2, 5, 8), noise(2, 3, 8, seed=1)
    result, scores = block(tokens, memory, return_attention_scores=True)
    seen, cross = by_hand(block.cross_attention, block.cross_norm(tokens).numpy(), memory)
    looked = tokens + seen
    normed = block.self_norm(looked).numpy()
    seen, own = by_hand(block.self_attention, normed, normed)
    looked = looked + seen
    np.testing.assert_allclose(scores["cross"], cross, atol=1e-5)
    np.testing.assert_allclose(scores["self"], own, atol=1e-5)
    np.testing.assert_allclose(result, looked + block.each(block.each_norm(looked)), atol=1e-5)


def test_asking_for_the_scores_changes_no_number(vae, images):
    features, scores = vae.encoder(images, return_attention_scores=True)
    np.testing.assert_allclose(features, vae.encoder(images), atol=1e-5)
    logits, looks = vae.decoder(noise(6, 3), return_attention_scores=True)
    np.testing.assert_allclose(logits, vae.decoder(noise(6, 3)), atol=1e-5)
    shapes = [{name: tuple(found.shape) for name, found in part.items()} for part in scores + looks]
    assert shapes == [
        {"self": (6, 2, 16, 16)},
        {"summary": (6, 2, 2, 16)},
        {"cross": (6, 2, 16, 2), "self": (6, 2, 16, 16)},
    ]
    for part in scores + looks:
        for found in part.values():
            np.testing.assert_allclose(tf.reduce_sum(found, axis=-1), 1.0, atol=1e-5)


def test_blocks_move_with_their_tokens_and_summaries_do_not_move_at_all():
    order = np.random.default_rng(0).permutation(16)
    images = noise(3, 28, 28, 1)
    shuffled = pictures_of(patches_of(images, 7).numpy()[:, order], 7, (28, 28, 1))
    block, tokens = AttentionBlock(2), noise(3, 16, 8)
    np.testing.assert_allclose(block(tokens[:, order]), block(tokens).numpy()[:, order], atol=1e-5)
    encoder = PatchEncoder(summaries=2, **SMALL)
    assert not np.allclose(encoder(shuffled), encoder(images), atol=1e-3)
    encoder.position.assign(np.zeros((16, 8)))
    np.testing.assert_allclose(encoder(shuffled), encoder(images), atol=1e-5)


def test_scores_of_a_fresh_block_are_as_wide_as_the_formula_wants_them():
    block = AttentionBlock(2)
    tokens = np.random.default_rng(0).normal(size=(50, 16, 32)).astype("float32")
    block(tokens)
    for weight in block.self_attention.weights[::2]:
        assert np.std(weight) == pytest.approx(32**-0.5, rel=0.1)  # a mean of 32 products: 1


def test_grid_attention_lets_every_cell_see_every_other():
    grid = noise(1, 3, 4, 6)
    changed = grid.copy()
    changed[0, 0, 0] += np.arange(6)
    layer = GridAttention(2)
    moved = np.abs(layer(changed) - layer(grid)).max(axis=-1)[0]
    assert np.min(moved) > 1e-6
    tokens = layer.norm(grid.reshape(1, 12, 6)).numpy()
    seen, _ = by_hand(layer.attention, tokens, tokens)
    np.testing.assert_allclose(layer(grid), grid + seen.reshape(grid.shape), atol=1e-5)
