"""Choose the default recipes on held-out training images; the test images are not touched.

    python benchmarks/choose.py

Trains every candidate on 55,000 training images of Fashion-MNIST with three seeds and prices the
5,000 held-out ones, four samples of z each. A candidate costs what its epochs cost, so those
compared here take about the same time. Writes results/choose.json; a run that was stopped
goes on where it was.
"""

import dataclasses

import keras
import numpy as np
import store

from vae_helpers import recipes
from vae_helpers.data import load_fashion_mnist
from vae_helpers.settings import seed_everything

TWO, SIXTEEN = recipes.TWO_DIMENSIONS, recipes.SIXTEEN_DIMENSIONS
WIDER = dataclasses.replace(SIXTEEN, hidden=(512, 256), epochs=16)
CANDIDATES = {
    "2: the default": TWO,
    "2: rate 0.003": dataclasses.replace(TWO, learning_rate=3e-3),
    "2: rate 0.003, 6 epochs": dataclasses.replace(TWO, learning_rate=3e-3, epochs=6),
    "16: the default": SIXTEEN,
    "16: 20 epochs": dataclasses.replace(SIXTEEN, epochs=20),
    "16: wider, shorter": WIDER,
    "16: wider, rate 0.002": dataclasses.replace(WIDER, learning_rate=2e-3),
}
SEEDS = (0, 1, 2)


def main():
    images = load_fashion_mnist(allow_drawn=False).train_images
    order = np.random.default_rng(7).permutation(len(images))
    held_out, train = images[order[:5000]], images[order[5000:]]
    results = store.load("choose")
    for seed in SEEDS:
        for name, recipe in CANDIDATES.items():
            key = f"{name} {dataclasses.astuple(recipe)} seed {seed}"
            if key not in results:
                results[key] = held_out_elbo(recipe, train, held_out, seed)
                store.save("choose", results)
            print(f"{results[key]:8.2f}  {key}", flush=True)


def held_out_elbo(recipe, train, held_out, seed):
    """Mean ELBO of the held-out images over four samples of z, nats per image."""
    keras.backend.clear_session()  # forget the candidates before
    seed_everything(seed)
    vae, _ = recipes.train(recipe, train)
    scores = [vae.evaluate(held_out, batch_size=500, verbose=0, return_dict=True) for _ in range(4)]
    return round(float(np.mean([score["elbo"] for score in scores])), 2)


if __name__ == "__main__":
    main()
