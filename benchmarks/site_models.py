"""Train, round and export the models that run in the site's pages.

    python benchmarks/site_models.py                    # all three files, about 4 minutes
    python benchmarks/site_models.py --only letters

Writes `site/models/garments.js` and `letters.js`, which the page "draw your own" encodes and
decodes with, and `betas.js`, which the page with the slider over beta turns through. Each file is a
script that registers one object, because a page opened from `file://` may load a script and may
not fetch data. What rounding the weights to 8 bits costs is measured on the test images and kept
in results/site_models.json.
"""

import argparse
import base64
import dataclasses
import json

import numpy as np
import rounded
import store

from vae_helpers import metrics
from vae_helpers.data import load_fashion_mnist, load_letters
from vae_helpers.files import write_atomically
from vae_helpers.images import as_float
from vae_helpers.plots.png import array_to_png
from vae_helpers.recipes import TWO_DIMENSIONS, train
from vae_helpers.settings import seed_everything

NAME = "site_models"
FOLDER = store.ROOT / "site" / "models"
MOST_BYTES = 700_000  # of one file
RECIPE = dataclasses.replace(TWO_DIMENSIONS, epochs=6)  # once trained, it can take its time
# The letters are a tenth of the garments: more passes, at a lower rate.
LETTERS_RECIPE = dataclasses.replace(TWO_DIMENSIONS, epochs=40, learning_rate=4e-3)
SEEDS = {"garments": 1, "letters": 0, "betas": 1}
BETAS = (0.1, 1.0, 4.0, 16.0, 64.0, 784.0)
DOTS = 700  # codes of test images on the plane
EXAMPLES = 10  # test images to start a drawing from
REACH, SIDE = 3.0, 13  # of the stored maps: the plane they show, images on an axis
GREYS = 16  # levels of the stored maps
# How a drawing is brought to the size of the data: the box that its ink fills, and for letters the
# width of a stroke, both in pixels of the image; measured on the training images.
LAYOUT = {"garments": {"box": 28, "stroke": None}, "letters": {"box": 20, "stroke": 3.0}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=["garments", "letters", "betas"])
    for name in parser.parse_args().only:
        if name == "letters":
            scores = export(name, load_letters(allow_synthetic=False), LETTERS_RECIPE)
        elif name == "garments":
            scores = export(name, load_fashion_mnist(allow_synthetic=False), RECIPE)
        else:
            scores = export_betas(load_fashion_mnist(allow_synthetic=False))
        store.save(NAME, store.load(NAME) | {name: scores})


def export(name, dataset, recipe):
    """Train a VAE, round its weights, write it with a cloud of codes, and return its scores."""
    seed_everything(SEEDS[name])
    vae, _ = train(recipe, dataset.train_images)
    exact = metrics.elbo_estimate(vae, dataset.test_images)[0]
    model = rounded.round_weights(vae)
    rounded.put_back(vae, model)
    coarse = metrics.elbo_estimate(vae, dataset.test_images)[0]
    facts = {
        "title": dataset.name,
        "names": list(dataset.class_names),
        **LAYOUT[name],
        **model,
        "dots": dots(vae, dataset),
        "examples": examples(dataset),
    }
    size = write(name, facts)
    widest = float(np.max(vae.encode(dataset.test_images)[1]))
    scores = {
        "elbo": round(exact.mean, 2),
        "elbo_rounded": round(coarse.mean, 2),
        "widest_log_var": round(widest, 2),
        "bytes": size,
    }
    print(name, scores, flush=True)
    return scores | store.stamp()


def export_betas(dataset):
    """Train one VAE for each beta, write what each shows, and return the scores of each."""
    chosen = first_of_each(dataset)
    places, scores = [], {}
    for beta in BETAS:
        seed_everything(SEEDS["betas"])
        vae, _ = train(RECIPE, dataset.train_images, beta=beta)
        _, reconstruction, kl = (x.mean for x in metrics.elbo_estimate(vae, dataset.test_images))
        widest = float(np.max(vae.encode(dataset.test_images)[1]))
        scores[f"{beta:g}"] = {
            "reconstruction": round(reconstruction, 2),
            "kl": round(kl, 3),
            "widest_log_var": round(widest, 2),
        }
        places.append(
            {
                "beta": beta,
                "reconstruction": round(reconstruction, 1),
                "kl": round(kl, 2),
                "dots": dots(vae, dataset),
                "map": map_of(vae),
                "redrawn": picture(vae.reconstruct(dataset.test_images[chosen])),
            }
        )
        print(beta, scores[f"{beta:g}"], flush=True)
    originals = picture(as_float(dataset.test_images[chosen]))
    facts = {
        "title": dataset.name,
        "names": list(dataset.class_names),
        "reach": REACH,
        "side": SIDE,
        "originals": originals,
        "places": places,
    }
    return {"bytes": write("betas", facts), "scores": scores} | store.stamp()


def write(name, facts):
    """Write one object as a script that registers it, and return its size in bytes."""
    text = json.dumps(facts, separators=(",", ":"))
    script = f"(window.courseModels = window.courseModels || {{}}).{name} = {text};\n"
    if len(script) > MOST_BYTES:
        raise SystemExit(f"{name}.js would have {len(script):,} bytes, expected {MOST_BYTES:,}")
    write_atomically(FOLDER / f"{name}.js", script)
    return len(script)


def dots(vae, dataset):
    """Return [100 z_1, 100 z_2, label] of test images that are spread evenly over the set."""
    shown = np.linspace(0, len(dataset.test_images) - 1, DOTS).astype(int)
    codes = np.asarray(vae.encode(dataset.test_images[shown])[0])
    labels = dataset.test_labels[shown]
    return [
        [int(round(100 * float(value))) for value in code] + [int(label)]
        for code, label in zip(codes, labels, strict=True)
    ]


def first_of_each(dataset):
    """Return the index of the first test image of each of the first `EXAMPLES` classes."""
    classes = np.linspace(0, len(dataset.class_names) - 1, EXAMPLES).astype(int)
    return [int(np.flatnonzero(dataset.test_labels == c)[0]) for c in classes]


def examples(dataset):
    """Return test images, one byte a pixel in base64, each with its label."""
    return [
        {
            "label": int(dataset.test_labels[i]),
            "pixels": base64.b64encode(dataset.test_images[i].tobytes()).decode(),
        }
        for i in first_of_each(dataset)
    ]


def map_of(vae):
    """Return the decoded plane as one picture of SIDE x SIDE images, z_2 upwards."""
    z = np.linspace(-REACH, REACH, SIDE, dtype=np.float32)
    plane = np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2)
    return picture(np.asarray(vae.decode(plane)), SIDE)


def picture(images, columns=None):
    """Return images (n, height, width, 1) in [0, 1] as the address of a PNG of few greys."""
    few = np.round(np.asarray(images) * (GREYS - 1)) / (GREYS - 1)
    png = array_to_png(few, scale=1, columns=columns)
    return "data:image/png;base64," + base64.b64encode(png).decode()


if __name__ == "__main__":
    main()
