"""Names for what was weighed: mistakes, deliberate choices, and sentences."""

import math
from dataclasses import dataclass

from vae_helpers.audit.loss.offset import Offset, offset_of
from vae_helpers.audit.loss.part import Level
from vae_helpers.audit.loss.record import Growth
from vae_helpers.audit.loss.tolerances import SAME, UNIT, WIDEST_SIGMA
from vae_helpers.audit.loss.weigh import GAUSSIAN, Weighed, equal, natural


@dataclass(frozen=True)
class Named:
    """A weighed loss with the names of what is wrong with it, and of what is chosen.

    Attributes:
        weighed: the loss.
        pixel_kind, pixel_text: the reconstruction, its normaliser considered.
        pixel_codes, code_codes, other_codes: mistakes of each term, and of the whole.
        variants: deliberate choices.
        notes: sentences.
        offset: what is left once both terms are taken away.
    """

    weighed: Weighed
    pixel_kind: str
    pixel_text: str
    pixel_codes: tuple
    code_codes: tuple
    other_codes: tuple
    variants: tuple
    notes: tuple
    offset: Offset

    @property
    def mistakes(self) -> tuple:
        """All codes, in their order."""
        whole = [code for code in self.other_codes if code in ("batch_summed", "shapes_broadcast")]
        return tuple(
            dict.fromkeys((*whole, *self.pixel_codes, *self.code_codes, *self.other_codes))
        )


def name(weighed: Weighed) -> Named:
    """Return the mistakes, variants and notes of a weighed loss."""
    pixels, codes = weighed.pixels, weighed.codes
    offset = offset_of(weighed)
    pixel_codes, pixel_notes = _pixels(weighed, bool(offset.normalised))
    code_codes, code_notes = _codes(weighed)
    other_codes, batch_notes = _images(weighed)
    notes = [*_balance(weighed), *batch_notes, *pixel_notes, *code_notes, *offset.notes]
    variants = [*pixels.variants, *codes.variants]
    if offset.normalised and any(
        abs(v.pixels) > 1e-6 for v in weighed.recognised.measured.variables
    ):
        variants.append("learned_sigma")
    notes += [*pixels.notes, *codes.notes, *_variable_notes(weighed)]
    if weighed.recognised.measured.random:
        notes.append(
            "Something random is inside the loss; it was measured with one seed for all calls. "
            "Sample z in the model, and pass its logits."
        )
    return Named(
        weighed,
        "gaussian" if offset.normalised else pixels.kind,
        offset.normalised or pixels.text,
        (*pixel_codes, *pixels.codes),
        (*code_codes, *codes.codes),
        (*other_codes, *(("constant_offset",) if offset.wrong else ())),
        tuple(dict.fromkeys(variants)),
        tuple(notes),
        offset,
    )


def _balance(weighed):
    """Sentences about a balance that is right, and about one that is chosen."""
    notes = []
    factor, size = weighed.common, weighed.pixels.entries
    if weighed.code_weight < 0 and weighed.pixel_weight < 0 and factor:
        notes.append("Both signs are turned: this is the ELBO, and a loss is minus the ELBO.")
    if factor and not equal(factor, 1):
        unit = _unit(factor, size)
        notes.append(
            f"Both terms carry the factor {factor:.4g}"
            + (f": the unit is {unit}, not nats per image." if unit else ", so it is not in nats.")
            + " The balance of the two is right, and so is the minimum."
        )
    elif factor and weighed.batch.is_sum:
        notes.append("The balance of the two terms is right, and so is the minimum.")
    if factor and weighed.pixels.kind in GAUSSIAN and not equal(weighed.beta, 1):
        notes.append(
            f"The effective beta of {weighed.beta:.4g} is relative to sigma 1; with sigma "
            f"{weighed.sigma:.4g} the KL weighs what the ELBO gives it."
        )
    if factor and weighed.code_average.entries > 1:
        entries, text = weighed.code_average.entries, "its weight follows their number."
        if equal(weighed.code_weight, 1):
            notes.append(_mean_over_latents(entries))
        else:
            notes.append(f"The KL is averaged over {entries} latent dimensions: {text}")
    return notes


def _unit(factor, size):
    units = {
        1 / size: "nats per pixel",
        1 / math.log(2): "bits per image",
        1 / (size * math.log(2)): "bits per pixel (bits per dimension)",
    }
    close = (name for value, name in units.items() if math.isclose(factor, value, rel_tol=UNIT))
    return next(close, None)


def _variable_notes(weighed):
    """The weight of the KL is a variable."""
    for variable in weighed.recognised.measured.variables:
        if variable.value and abs(variable.codes) > 1e-6 and weighed.codes.kind != "none":
            return [
                f"The KL's weight follows the variable {variable.name}, {variable.value:.4g} now."
            ]
    return []


def _images(weighed):
    """What is done with images."""
    batch, codes, notes = weighed.batch, [], []
    if batch.is_sum:
        codes.append("batch_summed")
    if batch.odd:
        codes.append("unknown")
        notes.append(
            "The weight of a term changes with the batch size in a way that neither a sum nor "
            f"a mean over images does. It is quoted for a batch of {batch.quoted_at}."
        )
        powers = [part.growth("batch") for part in (weighed.pixels, weighed.codes)]
        if Growth.SQUARE in powers:
            codes.append("shapes_broadcast")
    if batch.written_out:
        notes.append(
            f"The sum over images is divided by {batch.written_out}, a number written out: the "
            f"weights are those at a batch of {batch.written_out}. Another batch size, and the "
            "last batch of an epoch where it is smaller, weighs otherwise; tf.reduce_mean does not."
        )
    elif (
        len(batch.summed) == 1 and len([p for p in (weighed.pixels, weighed.codes) if p.known]) > 1
    ):
        notes.append(
            f"Only the {batch.summed[0]} is added up over images: the effective beta depends on "
            f"the batch size. Its weight is quoted for a batch of {batch.quoted_at}."
        )
    setting = weighed.recognised.measured.setting
    if not setting.batch_given and setting.batch != 4:
        notes.append(f"It takes batches of {setting.batch} images only.")
    shape = weighed.recognised.measured.shape
    if len(shape) > 1:
        text = (
            f"It returns shape {shape}, neither a scalar nor one value for each image; its mean "
            "was taken, as Keras would."
        )
        if shape == (setting.batch, setting.batch):
            text += " Shapes (batch,) and (batch, 1) were added, which pairs all images."
        notes.append(text)
    return codes, notes


def _pixels(weighed, normalised):
    """Signs and averages of the reconstruction."""
    part, weight, average = weighed.pixels, weighed.pixel_weight, weighed.pixel_average
    setting = weighed.recognised.measured.setting
    codes, notes = [], []
    if not part.known:
        return codes, notes
    if weight < 0 and part.kind != "unknown":
        codes.append("reconstruction_sign")
    if part.kind == "categorical" or (normalised and average.entries == 1):
        return codes, notes
    if weighed.per_pixel_kl:
        codes.append("pixels_averaged")
        notes.append(
            f"The KL is counted once for each of the {part.entries} pixels: it was added to "
            "every pixel before the sum. The balance is that of a mean over pixels."
        )
    too_wide = weighed.sigma > WIDEST_SIGMA * (1 + SAME)
    if average.entries > 1:
        full = average.entries == math.prod(setting.image_shape)
        squares = part.kind == "squared_error" and math.isfinite(weighed.sigma)
        natural_sum = weighed.common and part.kind not in GAUSSIAN
        if not natural_sum and (too_wide or not squares or not full):
            codes.append("pixels_averaged" if full else "partly_averaged")
        notes.append(_average_note(weighed, setting))
    elif part.level is Level.ENTRY and too_wide and not equal(weight, *natural(part)):
        codes.append("pixels_averaged")
        notes.append(f"The reconstruction weighs {weight:.4g}, as if it were a mean over pixels.")
    elif part.kind not in GAUSSIAN and not weighed.common and not equal(weight, 1):
        notes.append(f"The reconstruction has the weight {weight:.4g}.")
    if part.level is Level.ENTRY and (hidden := _hidden(weighed, setting.image_shape)):
        notes.append(hidden)
    return codes, notes


def _average_note(weighed, setting):
    part, average = weighed.pixels, weighed.pixel_average
    axes, shape = average.axes, setting.image_shape
    named = "all pixels"
    if len(axes) == 1 and len(shape) > 1:
        named = f"axis {axes[0] + 1}"
    elif 1 < len(axes) < sum(size > 1 for size in shape):
        named = f"axes {', '.join(str(axis + 1) for axis in axes)}"
    text = f"The reconstruction is averaged over {named}, {average.entries} entries"
    factor = abs(weighed.pixel_weight) * average.entries
    if not equal(factor, *natural(part)):
        exact = part.kind != "squared_error"
        text += f", and multiplied by {factor:.4g}" if exact else ", and multiplied by a number"
        if math.isfinite(weighed.sigma) and not exact:
            text += "; its weight follows the size of the image"
    return text + "."


def _hidden(weighed, shape):
    """Averages that change nothing at the shape asked for, and would at another."""
    part = weighed.pixels
    averaged = part.axes(Growth.MEAN)
    if averaged and all(shape[axis] == 1 for axis in averaged):
        return (
            f"Axis {averaged[0] + 1} is averaged, which changes nothing while it has one entry; "
            "with three channels the reconstruction would weigh a third."
        )
    if averaged and equal(weighed.pixel_weight, *natural(part)):
        return (
            "A mean over pixels is multiplied back: right at this image shape, and at another "
            "only if the factor follows it."
        )
    return ""


def _mean_over_latents(entries):
    return (
        f"The KL is a mean over latent dimensions, multiplied back for {entries} of them: right "
        "at this latent dimension only."
    )


def _takes_no_other(part):
    """True where the loss runs with no other latent dimension."""
    return all(growth is Growth.FIXED for axis, growth in part.growths if axis != "batch")


def _codes(weighed):
    """Sign, average and half of the KL."""
    part, average = weighed.codes, weighed.code_average
    codes, notes = [], []
    if not part.known or part.level is not Level.ENTRY or part.sampled:
        return codes, notes
    if part.kind == "unknown" and not average.entries > 1:
        return codes, notes
    weight = abs(weighed.code_weight)
    if weighed.code_weight < 0 and part.kind != "unknown":
        codes.append("kl_sign")
    if weighed.common:
        return codes, notes
    if average.entries > 1 and not (average.by_law and equal(weight, 1)):
        codes.append("latents_averaged")
        notes.append(f"The KL is averaged over {average.entries} latent dimensions.")
        weight *= average.entries
    elif average.entries > 1:
        notes.append(_mean_over_latents(average.entries))
    elif Growth.SUM in [growth for axis, growth in part.growths if axis != "batch"]:
        notes.append("The KL's weight grows with the number of latent dimensions.")
        codes.append("unknown")
    elif _takes_no_other(part) and part.entries > 1 and equal(weight * part.entries, 1):
        notes.append(
            f"The loss takes no other latent dimension than {part.entries}, so a weight of 1/"
            f"{part.entries} may be a mean over them or a beta."
        )
    if part.kind in ("keras_kl_divergence", "unknown"):
        return codes, notes
    if equal(weight, 2):
        codes.append("kl_without_half")
    elif not equal(weight, 1):
        text = f"The KL has the weight {weighed.code_weight:.4g}"
        if weighed.code_weight > 0 and not (codes or part.codes):
            text += ": if this beta is meant, nothing is wrong with it; it is then not the ELBO"
        notes.append(text + ".")
    return codes, notes
