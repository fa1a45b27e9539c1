"""Measure in one run what a learner feels: training time, first picture, memory, imports.

    python benchmarks/speed.py                         about 10 minutes on 2 CPU cores
    python benchmarks/speed.py --only vae2,plain       some of it
    python benchmarks/speed.py --only reference_elbo   trains the reference to its end: 15 more
    python benchmarks/speed.py --only notebooks --notebooks 07,08     these notebooks only

The reference is the recipe of the VAE example on keras.io (convolutions, two latent dimensions,
batches of 128, 30 epochs), written plainly in Keras. By default two of its epochs are timed. Times
are of one machine and one hour: quote the ratios. The results go to results/speed.json and, as a
table, into docs/benchmarks.md.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import store
from store import timed_fit

REFERENCE_EPOCHS = 30
RECIPES = {  # section -> its recipe in `recipes`, and what the table calls it
    "quick": ("QUICK", "our quick recipe, 2 latent dimensions"),
    "vae2": ("TWO_DIMENSIONS", "our default, 2 latent dimensions"),
    "vae16": ("SIXTEEN_DIMENSIONS", "our default, 16 latent dimensions"),
}
SECTIONS = ("reference", *RECIPES, "plain", "import", "notebooks")
LONG_SECTIONS = ("reference_elbo",)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", default=",".join(SECTIONS), help=f"some of {SECTIONS + LONG_SECTIONS}"
    )
    parser.add_argument("--notebooks", default="", help="beginnings of names; all without")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.section:
        print(json.dumps(measure(arguments.section, arguments)))
        return
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - {*SECTIONS, *LONG_SECTIONS}:
        known = ", ".join(SECTIONS + LONG_SECTIONS)
        raise SystemExit(f"--only names {sorted(unknown)}, expected some of {known}")
    results = {}
    for section in chosen:
        print(f"measuring {section} ...", file=sys.stderr, flush=True)
        results[section] = in_own_process(section, arguments)
        print(f"  {results[section]}", file=sys.stderr, flush=True)
    stored = merge(results)
    store.save("speed", stored)
    store.write_page("speed", table(stored))
    print(table(stored))


def in_own_process(section, arguments):
    """A fresh process for each section, so that none profits from another's compiled code."""
    command = [sys.executable, __file__, "--section", section, "--seeds", str(arguments.seeds)]
    command += ["--notebooks", arguments.notebooks]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(section, arguments):
    if section in RECIPES:
        return measure_recipe(section, arguments.seeds)
    if section == "notebooks":
        return measure_notebooks(list(filter(None, arguments.notebooks.split(","))))
    return globals()[f"measure_{section}"]()


# --- training ----------------------------------------------------------------------------------


def images():
    """Fashion-MNIST, the real one: figures from a stand-in would mean nothing here."""
    from vae_helpers.data import load_fashion_mnist

    fashion = load_fashion_mnist(allow_drawn=False)
    return fashion.train_images, fashion.test_images


def test_elbo(vae, x):
    return vae.evaluate(x, batch_size=500, verbose=0, return_dict=True)["elbo"]


def measure_recipe(name, seeds):
    """The default recipe over several seeds: seconds of `fit`, test ELBO."""
    from vae_helpers import recipes
    from vae_helpers.settings import seed_everything

    recipe = getattr(recipes, RECIPES[name][0])
    train, test = images()
    seconds, compiling, elbo = [], [], []
    for seed in range(seeds):
        seed_everything(seed)
        vae = recipes.build(recipe, train)
        fit, compilation = timed_fit(vae, train, recipe.epochs, recipe.batch_size)
        seconds.append(round(fit, 1))
        compiling.append(round(compilation, 1))
        elbo.append(round(test_elbo(vae, test), 2))
    return {"seconds": seconds, "compile_seconds": compiling, "elbo": elbo}


def measure_reference(epochs=2):
    """keras.io's recipe: seconds an epoch."""
    import keras

    from vae_helpers.data import as_float

    keras.utils.set_random_seed(0)
    vae = reference_vae()
    vae.compile(optimizer=keras.optimizers.Adam())
    seconds, compile_seconds = timed_fit(vae, as_float(images()[0]), epochs, batch_size=128)
    return {
        "seconds_per_epoch": round(seconds / epochs, 2),
        "compile_seconds": round(compile_seconds, 1),
    }


def measure_reference_elbo():
    """keras.io's recipe, all 30 epochs: its ELBO on the test images."""
    import keras
    import numpy as np

    from vae_helpers.data import as_float

    train, test = images()
    keras.utils.set_random_seed(0)
    vae = reference_vae()
    vae.compile(optimizer=keras.optimizers.Adam())
    vae.fit(as_float(train), epochs=REFERENCE_EPOCHS, batch_size=128, verbose=0)
    losses = [sum(term.numpy() for term in vae.terms(b)) for b in np.split(as_float(test), 20)]
    return {"elbo": round(-float(np.mean(losses)), 2)}


def reference_vae():
    import keras
    import tensorflow as tf
    from keras import layers

    def conv(filters, transposed=False):
        kind = layers.Conv2DTranspose if transposed else layers.Conv2D
        return kind(filters, 3, strides=2, padding="same", activation="relu")

    class ReferenceVAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential(
                [conv(32), conv(64), layers.Flatten(), layers.Dense(16, activation="relu")]
            )
            self.z_mean, self.z_log_var = layers.Dense(2), layers.Dense(2)
            self.decoder = keras.Sequential(
                [
                    layers.Dense(7 * 7 * 64, activation="relu"),
                    layers.Reshape((7, 7, 64)),
                    conv(64, transposed=True),
                    conv(32, transposed=True),
                    layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
                ]
            )
            self.noise = keras.random.SeedGenerator(0)
            self(tf.zeros((1, 28, 28, 1)))

        def terms(self, x):
            """Reconstruction and KL as means over the batch, nats per image."""
            features = self.encoder(x)
            z_mean, z_log_var = self.z_mean(features), self.z_log_var(features)
            noise = keras.random.normal(tf.shape(z_mean), seed=self.noise)
            output = self.decoder(z_mean + tf.exp(0.5 * z_log_var) * noise)
            per_pixel = keras.losses.binary_crossentropy(x, output)  # averages the one channel
            reconstruction = tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2)))
            kl = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            return reconstruction, tf.reduce_mean(tf.reduce_sum(kl, axis=1))

        def call(self, x):
            return tf.add_n(self.terms(x))

        def train_step(self, x):
            with tf.GradientTape() as tape:
                loss = tf.add_n(self.terms(x))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return {"loss": loss}

    return ReferenceVAE()


def measure_plain():
    """The same network and loss under a plain Keras `fit`, against `VAE.fit`: ratio of epochs.

    Plain: float32 images, batches of 128, no XLA, one step an execution. Taken in turn, three
    times, because a shared machine drifts.
    """
    import keras
    import numpy as np

    from vae_helpers import recipes
    from vae_helpers.data import as_float

    train, _ = images()
    floats = as_float(train)
    recipe = recipes.TWO_DIMENSIONS
    fast = recipes.build(recipe, train)
    plain = recipes.build(recipe, train)
    plain.compile(optimizer=keras.optimizers.Adam(), jit_compile=False, steps_per_execution=1)
    timed_fit(fast, train, 1, recipe.batch_size)
    timed_fit(plain, floats, 1, 128)
    pairs = []
    for _ in range(3):
        start = time.perf_counter()
        plain.fit(floats, batch_size=128, verbose=0)
        middle = time.perf_counter()
        fast.fit(train, batch_size=recipe.batch_size, verbose=0)
        pairs.append((middle - start, time.perf_counter() - middle))
    ratios = [a / b for a, b in pairs]
    return {
        "plain_seconds": round(float(np.median([a for a, _ in pairs])), 2),
        "vae_seconds": round(float(np.median([b for _, b in pairs])), 2),
        "ratio": [round(ratio, 2) for ratio in ratios],
    }


# --- starting up ---------------------------------------------------------------------------------


def measure_import():
    """What `import vae_helpers` adds once TensorFlow is imported, in seconds: best of 3."""
    statement = (
        "import time, tensorflow; start = time.perf_counter(); import vae_helpers; "
        "print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", statement]
    seconds = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    return {"added": round(min(seconds), 4)}


def measure_notebooks(only):
    """Seconds and peak memory of each notebook; for the first also seconds to new clothes."""
    sys.path.append(str(store.ROOT / "tools"))  # the executor is that of `make run`
    from coursetools.execute import execute
    from coursetools.notebooks import find_notebooks, name_of

    return {name_of(path): run_notebook(path, execute) for path in find_notebooks(only=only)}


def run_notebook(path, execute):
    """Execute a notebook in a kernel of its own and clock it."""
    notebook, done = execute(path)
    if not done.ok:
        raise SystemExit(f"{path.name}: {done.error}")
    result = {"seconds": round(done.seconds), "peak_mb": round(done.peak_bytes / 1e6)}
    first = done.first_picture(notebook, ".generate(")
    if first and path.name.startswith("01"):  # later ones draw late on purpose
        result["first_picture_seconds"] = round(first, 1)
    return result


# --- the report --------------------------------------------------------------------------------


def merge(results):
    """What earlier runs measured, with these results in their place; each has date and versions."""
    stored, stamp = store.load("speed"), store.stamp()
    if "notebooks" in results:  # those that were not measured now keep what they had
        results["notebooks"] = stored.get("notebooks", {}) | results["notebooks"]
    return stored | {section: {**result, **stamp} for section, result in results.items()}


def seconds(values):
    """Smallest and largest of some times."""
    return f"{min(values):.1f} to {max(values):.1f}"


def table(results):
    """The results as lines of a Markdown table."""
    lines = ["| what | measured |", "|---|---|"]
    reference = results.get("reference")
    if reference:
        whole = reference["seconds_per_epoch"] * REFERENCE_EPOCHS
        lines.append(
            f"| keras.io recipe | {reference['seconds_per_epoch']} s an epoch (two were timed), "
            f"so {whole:.0f} s for its {REFERENCE_EPOCHS} |"
        )
    if "reference_elbo" in results:
        lines.append(f"| its test ELBO after all of them | {results['reference_elbo']['elbo']} |")
    for section, (_, name) in RECIPES.items():
        if section in results:
            one = results[section]
            lines.append(
                f"| {name} | {seconds(one['seconds'])} s (and "
                f"{seconds(one['compile_seconds'])} s to compile); "
                f"test ELBO {', '.join(f'{elbo:.1f}' for elbo in one['elbo'])} |"
            )
        if section in results and reference and section != "vae16":
            ratio = min(whole / one for one in results[section]["seconds"])
            lines.append(f"| ... the keras.io recipe takes | at least {ratio:.0f} times as long |")
    if "plain" in results:
        lines.append(
            "| an epoch of plain Keras `fit` (same network, float32, batch 128, no XLA) "
            f"over one of `VAE.fit` | {', '.join(f'{r:.1f}' for r in results['plain']['ratio'])} |"
        )
    if "import" in results:
        added = results["import"]["added"]
        lines.append(f"| `import vae_helpers` adds to TensorFlow's import | {added:.3f} s |")
    notebooks = results.get("notebooks", {})
    for name in sorted(name for name in notebooks if name[:2].isdigit()):
        one = notebooks[name]
        first = one.get("first_picture_seconds")
        extra = f", first new picture after {first} s" if first else ""
        lines.append(f"| {name} | {one['seconds']} s, peak {one['peak_mb']} MB{extra} |")
    stamps = sorted({(one["date"], one["versions"]) for one in results.values() if "date" in one})
    for date, versions in stamps:
        lines.append(f"| measured | {date}: {versions.replace(' | ', ', ')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
