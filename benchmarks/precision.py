"""Train in 16 bits and in 32: the same ELBO within the deviation over seeds? In which time?

    python benchmarks/precision.py                      about 6 minutes on 2 quiet cores
    python benchmarks/precision.py --only dense         one of the networks

The policies take turns, seed by seed, since a shared machine drifts: quote the ratios. Whether the
processor computes in bfloat16 itself (AVX512-BF16 or AMX) is stored with the result; without, and
always for float16 on a CPU, numbers are widened and rounded again, which takes longer than float32.
The results go to results/precision.json and, as a table, into docs/benchmarks.md.
"""

import argparse
import re
import sys
from pathlib import Path

import store

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
INSTRUCTIONS = r"\b(?:avx512_bf16|avx512_fp16|amx_bf16|amx_fp16)\b"


def networks():
    """Each network: what it is called, its recipe, the number of images, the policies."""
    from vae_helpers import recipes

    convolution = recipes.BENCHMARK["Fashion-MNIST", "convolution"]
    return {
        "dense": ("quick recipe, dense, with XLA", recipes.QUICK, 20_000, POLICIES),
        "convolution": ("benchmark's convolutions", convolution, 6_000, POLICIES[:2]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="dense,convolution", help="names of networks")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(networks()):
        raise SystemExit(f"--only names {sorted(unknown)}, expected some of dense, convolution")
    for name in chosen:
        found = {**measure(name, arguments.seeds), **store.stamp()}
        results = store.load("precision") | {name: found}
        store.save("precision", results)
    store.write_page("precision", table(results))
    print(table(results))


def measure(name, seeds):
    """Test ELBO and seconds of `fit`, for each policy one value a seed."""
    from vae_helpers.data import load_fashion_mnist

    called, recipe, count, policies = networks()[name]
    fashion = load_fashion_mnist(allow_synthetic=False)
    train, test = fashion.train_images[:count], fashion.test_images
    found = {policy: {"elbo": [], "seconds": []} for policy in policies}
    for seed in range(seeds):
        for policy in policies:
            elbo, seconds = train_once(recipe, policy, seed, train, test)
            found[policy]["elbo"].append(round(elbo, 2))
            found[policy]["seconds"].append(round(seconds, 2))
            print(f"{name} {policy} seed {seed}: {elbo:.2f}, {seconds:.1f} s", file=sys.stderr)
    return {"called": called, "images": count, "instructions": instructions(), "policies": found}


def train_once(recipe, policy, seed, train, test):
    """ELBO of the test images and seconds of `fit`, without compiling, under one policy."""
    import keras

    from vae_helpers import recipes
    from vae_helpers.settings import seed_everything

    keras.config.set_dtype_policy(policy)
    try:
        seed_everything(seed)
        vae = recipes.build(recipe, train)
        seconds, _ = store.timed_fit(vae, train, recipe.epochs, recipe.batch_size)
        score = vae.evaluate(test, batch_size=500, verbose=0, return_dict=True)
    finally:
        keras.config.set_dtype_policy("float32")
    return score["elbo"], seconds


def instructions(path="/proc/cpuinfo"):
    """The instructions for 16 bits that the processor has; None where that is not told."""
    path = Path(path)
    if not path.exists():
        return None
    return sorted(set(re.findall(INSTRUCTIONS, path.read_text(encoding="utf-8"))))


# --- the report --------------------------------------------------------------------------------


def table(results):
    """The results as lines of a Markdown table."""
    lines = [
        "| network | policy | test ELBO, by seed | less that in float32 | seconds over those in "
        "float32 |",
        "|---|---|---|--:|--:|",
    ]
    for one in results.values():
        base = one["policies"]["float32"]
        for policy, found in one["policies"].items():
            elbo = ", ".join(f"{value:.1f}" for value in found["elbo"])
            change = difference(found["elbo"], base["elbo"]) if policy != "float32" else ""
            ratios = zip(found["seconds"], base["seconds"], strict=True)
            times = ", ".join(f"{a / b:.2f}" for a, b in ratios) if policy != "float32" else "1"
            called = f"{one['called']}, {one['images']:,} images"
            lines.append(f"| {called} | {policy} | {elbo} | {change} | {times} |")
    for date, versions, has in sorted({stamp(one) for one in results.values()}):
        lines.append(f"| measured | {date}: {versions}; {has} | | | |")
    return "\n".join(lines)


def difference(elbo, base):
    """Mean difference of two sets of ELBOs, and the deviation of the pairs' differences."""
    import numpy as np

    pairs = np.subtract(elbo, base)
    spread = f" ± {np.std(pairs, ddof=1):.2f}" if len(pairs) > 1 else ""
    return f"{np.mean(pairs):+.2f}{spread}"


def stamp(one):
    """Date, versions and the processor's instructions, in words."""
    known = one["instructions"]
    has = "instructions for 16 bits not known" if known is None else "the processor has "
    if known is not None:
        has += ", ".join(known) or "no instructions for 16 bits"
    return one["date"], one["versions"].replace(" | ", ", "), has


if __name__ == "__main__":
    main()
