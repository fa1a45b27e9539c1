"""What the deeper page 14_own_images shows, over seeds: letters and photographs at 64 x 64 x 3.

    python benchmarks/own_images.py           # every row that is not stored, about 10 minutes

Trains as the page does, on other seeds, and keeps each row in results/own_images.json as soon as it
is there. Photographs are tested on `TESTED`; they need scikit-image.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import store

from vae_helpers.data import as_float, colour_letters, hold_out, load_folder, write_patches
from vae_helpers.likelihoods import Bernoulli, DiscretisedLogistic, Gaussian
from vae_helpers.parts import ConvDecoder, ConvEncoder, LatentDistribution
from vae_helpers.references import pca_reconstruct
from vae_helpers.settings import seed_everything
from vae_helpers.vae import VAE

NAME = "own_images"
SEEDS = (1, 2, 3)
LATENT, BATCH, RATE = 24, 25, 2e-3
TRAIN, TEST, EACH = 2_300, 400, 400
TESTED = ("coffee", "flower")
LIKELIHOODS = {
    "logistic": DiscretisedLogistic,
    "Gaussian, learned": lambda: Gaussian("learned"),
    "Bernoulli": Bernoulli,
}
# data -> (passes over it, likelihoods)
RUNS = {"letters": (8, tuple(LIKELIHOODS)), "photographs": (10, ("logistic",))}


def images_of(data, folder):
    """Return training and test images of a data set, uint8 (n, 64, 64, 3)."""
    if data == "letters":
        images = colour_letters(TRAIN + TEST, seed=14, font=0)[0]
        return images[:TRAIN], images[TRAIN:]
    split = hold_out(load_folder(write_patches(Path(folder, data), EACH), size=64), TESTED)
    return split.train_images, split.test_images


def root_mean_square(pictures, images):
    """Return the error of pictures, in grey from 0 to 1."""
    return float(np.sqrt(np.mean(np.square(pictures - as_float(images)))))


def measured(images, test_images, likelihood, epochs, seed):
    """Return what one training gives on the test images."""
    seed_everything(seed)
    decoder = ConvDecoder(32, 128, images.shape[1:])
    latent = LatentDistribution(LATENT)
    vae = VAE(ConvEncoder((16, 32, 64), 128), latent, decoder, likelihood=LIKELIHOODS[likelihood]())
    vae.start_at_mean_image(images)
    falling = keras.optimizers.schedules.CosineDecay(RATE, epochs * -(-len(images) // BATCH))
    vae.compile(keras.optimizers.Adam(falling))
    vae.fit(images, epochs=epochs, batch_size=BATCH, verbose=0)
    terms = vae.evaluate(test_images, batch_size=100, verbose=0, return_dict=True)
    error = root_mean_square(vae.reconstruct(test_images), test_images)
    return {"error": error, "kl": float(terms["kl"]), "elbo": float(terms["elbo"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    results = store.load(NAME)
    with tempfile.TemporaryDirectory() as folder:
        for data, (epochs, likelihoods) in RUNS.items():
            images, test_images = images_of(data, folder)
            if f"{data}, PCA" not in results:
                redrawn = pca_reconstruct(images, LATENT, test_images)
                results[f"{data}, PCA"] = {"error": root_mean_square(redrawn, test_images)}
                store.save(NAME, results)
            for seed in SEEDS:
                for likelihood in likelihoods:
                    row = f"{data}, {likelihood}, seed {seed}"
                    if row not in results:
                        found = measured(images, test_images, likelihood, epochs, seed)
                        results[row] = found | store.stamp()
                        store.save(NAME, results)
                        print(row, found, flush=True)


if __name__ == "__main__":
    main()
