"""Where do the weights come from? Averages, sums, signs and halves get their names."""

from __future__ import annotations

import itertools
import math

from vae_helpers.audit.loss.probe import BATCH

SAME = 0.005  # two weights are the same number
NOMINAL_BATCH = 128  # at which the weight of a term that alone is summed over images is quoted


def name_weights(probe, pixels, codes, notes):
    """Name how each weight came about; turns weights into those that are reported."""
    mistakes = ["batch_summed"] if pixels.summed() or codes.summed() else []
    for part in (pixels, codes):
        part.weight /= BATCH ** part.batch_power()
    if pixels.known and codes.known and _one_factor(pixels, codes):
        if codes.weight < 0:
            pixels.add("reconstruction_sign")
            codes.add("kl_sign")
            notes.append("Both signs are turned: this is the ELBO, and a loss is minus the ELBO.")
        pixels.divisor = 1 / abs(codes.weight)
        _name_common_factor(abs(codes.weight), math.prod(probe.image_shape), notes)
    else:
        if pixels.known and codes.known:
            _name_kl_per_pixel(probe.image_shape, pixels, codes, notes)
        _name_pixels(probe, pixels, notes)
        _name_codes(probe, codes, notes)
    _name_what_hides(probe.image_shape, pixels, notes)
    _quote_at_nominal_batch(pixels, codes, notes)
    return mistakes


def _is(weight, *numbers):
    """True where a weight is one of the numbers, its sign aside."""
    return any(math.isclose(abs(weight), number, rel_tol=SAME) for number in numbers)


def _one_factor(pixels, codes):
    """True where both terms carry one factor, so that their balance is the ELBO's."""
    ratio = codes.weight / pixels.weight
    squares = pixels.kind == "squared_error" and not math.isclose(codes.weight, 1, rel_tol=SAME)
    balanced = math.isclose(ratio, 1, rel_tol=SAME) or (
        squares and math.isclose(ratio, 0.5, rel_tol=SAME)
    )
    return balanced and codes.laws["latents"] != -1


def _name_kl_per_pixel(shape, pixels, codes, notes):
    if all(codes.laws[axis] == 1 for axis in range(len(shape))) and math.prod(shape) > 1:
        pixels.add("pixels_averaged")
        notes.append(
            f"The KL is counted once for each of the {math.prod(shape)} pixels: it was added to "
            "every pixel before the sum. The balance is that of a mean over pixels."
        )


def _quote_at_nominal_batch(pixels, codes, notes):
    """Weights that depend on the batch size are quoted at one; a common sum is left out."""
    parts = [part for part in (pixels, codes) if part.known]
    powers = {part.batch_power() for part in parts}
    if powers == {1}:
        return
    for part in parts:
        part.weight *= NOMINAL_BATCH ** part.batch_power()
        law = part.laws["batch"]
        if law not in (0, 1, None):
            part.add("unknown")
            notes.append(
                "The weight of a term changes with the batch size in a way that neither a sum nor "
                f"a mean over images does. It is quoted for a batch of {NOMINAL_BATCH}."
            )
    if len(powers) > 1 and 1 in powers:
        which = "reconstruction" if pixels.summed() else "KL"
        notes.append(
            f"Only the {which} is added up over images: the effective beta depends on the batch "
            f"size. Its weight is quoted for a batch of {NOMINAL_BATCH}."
        )


def _name_common_factor(factor, size, notes):
    if _is(factor, 1):
        return
    units = {
        1 / size: "nats per pixel",
        1 / math.log(2): "bits per image",
        1 / (size * math.log(2)): "bits per pixel (bits per dimension)",
    }
    unit = next(
        (name for value, name in units.items() if math.isclose(factor, value, rel_tol=1e-4)), None
    )
    notes.append(
        f"Both terms carry the factor {factor:.4g}"
        + (f": the unit is {unit}, not nats per image." if unit else ", so it is not in nats.")
        + " The balance of the two is right, and so is the minimum."
    )


def _averaged(shape, weight, laws, natural):
    """Axes that are averaged and their number of entries: by law, or by value where no law."""
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    if _is(weight, *natural):
        return [], 1
    by_law = [axis for axis in axes if laws.get(axis) == -1]
    if by_law:
        return by_law, math.prod(shape[axis] for axis in by_law)
    for count in range(len(axes), 0, -1):
        for chosen in itertools.combinations(axes, count):
            entries = math.prod(shape[axis] for axis in chosen)
            if _is(weight * entries, *natural):
                return list(chosen), entries
    return [], 1


def _name_pixels(probe, part, notes):
    """Signs and averages of the reconstruction."""
    if not part.known:
        return
    shape, size = probe.image_shape, math.prod(probe.image_shape)
    if part.kind == "unknown":
        if all(part.laws[axis] == -1 for axis in range(len(shape))):
            part.add("pixels_averaged")
        return
    if part.weight < 0:
        part.add("reconstruction_sign")
    natural = (1.0, 2.0) if part.kind == "squared_error" else (1.0,)
    axes, entries = _averaged(shape, part.weight, part.laws, natural)
    if entries > 1:
        part.add("pixels_averaged" if entries == size else "partly_averaged")
        part.divisor = entries
        factor = abs(part.weight) * entries
        named = f"axis {axes[0] + 1}" if len(axes) == 1 and len(shape) > 1 else "all pixels"
        if 1 < len(axes) < sum(entry > 1 for entry in shape):
            named = f"axes {', '.join(str(axis + 1) for axis in axes)}"
        text = f"The reconstruction is averaged over {named}, {entries} entries"
        if not _is(factor, *natural):
            text += f", and multiplied by {factor:.4g}"
        notes.append(text + ".")
    elif part.kind != "squared_error" and not _is(part.weight, 1):
        notes.append(f"The reconstruction has the weight {part.weight:.4g}.")


def _name_what_hides(shape, part, notes):
    """Averages that change nothing at the shape asked for, and would at another."""
    if not part.known or part.divisor > 1.5:
        return
    averaged = [axis for axis in range(len(shape)) if part.laws[axis] == -1]
    if averaged and all(shape[axis] == 1 for axis in averaged):
        notes.append(
            f"Axis {averaged[0] + 1} is averaged, which changes nothing while it has one entry; "
            "with three channels the reconstruction would weigh a third."
        )
    elif averaged:
        notes.append(
            "A mean over pixels is multiplied back: right at this image shape, and at another "
            "only if the factor follows it."
        )


def _name_codes(probe, part, notes):
    """Sign, average and half of the KL."""
    if not part.known:
        return
    latent_dim, law = probe.latent_dim, part.laws["latents"]
    if part.kind == "unknown":
        if law == -1:
            part.add("latents_averaged")
        return
    if part.weight < 0:
        part.add("kl_sign")
    weight = abs(part.weight)
    plain = _is(weight, 1, 2)
    by_value = law is None and latent_dim > 2 and _is(weight * latent_dim, 1, 2)
    if latent_dim > 1 and (by_value or (law == -1 and not _is(weight, 1))):
        part.add("latents_averaged")
        notes.append(f"The KL is averaged over {latent_dim} latent dimensions.")
        weight *= latent_dim
    elif law == -1 and latent_dim > 1:
        notes.append(
            f"The KL is a mean over latent dimensions, times {latent_dim} (or its half is missing "
            "as well): right at this latent dimension only."
        )
    elif law is None and _is(weight * latent_dim, 1):
        notes.append(
            f"The loss takes no other latent dimension than {latent_dim}, so a weight of 1/"
            f"{latent_dim} may be a mean over them or a beta."
        )
    elif law == 1:
        notes.append("The KL's weight grows with the number of latent dimensions.")
        part.add("unknown")
    if part.kind == "keras_kl_divergence":
        return
    if _is(weight, 2):
        part.add("kl_without_half")
    elif not plain and not _is(weight, 1):
        text = f"The KL has the weight {part.weight:.4g}"
        if part.weight > 0 and not part.mistakes:
            text += ": if this beta is meant, nothing is wrong with it; it is then not the ELBO"
        notes.append(text + ".")
