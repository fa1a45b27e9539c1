"""Where a model's code and its output can be replaced, found by watching it run once.

As far outside as possible: an encoder is replaced whole, so that the loss can be called at other
sizes than the model was built for. Not so where layers inside add losses; then z_mean and z_log_var
are replaced where they come from, and what adds losses runs.
"""

from dataclasses import dataclass

import numpy as np

from vae_helpers.audit.model.codes import NotFound, find_codes, head_of, meaning
from vae_helpers.audit.model.watch import Call, array


@dataclass(frozen=True, eq=False)
class Seams:
    """What to replace.

    Attributes:
        roles: what each replaced call returns, by the key of its source: the recorded call and,
            for each of its tensors, "z_mean", "z_log_var", "z", "both" or "both_swapped" (the two
            side by side), "output", or None for zeros.
        unused: keys of the calls that are replaced only because nothing seems to need them.
        code_shape, output_shape: shapes without the batch.
        head: what the second output of the encoder means, a key of `codes.WIDTHS`.
        sampler_width: what the sampler takes it for, or "" where that is not known.
        output: the call that gives the output.
        text: where z_mean, z_log_var and the output come from, for a note.
    """

    roles: dict
    unused: frozenset
    code_shape: tuple
    output_shape: tuple
    head: str
    sampler_width: str
    output: Call
    text: str


def find(plus, minus, image_shape, batch) -> Seams:
    """Find what to replace from two recordings, with noise +1 and -1.

    Args:
        plus: recording with noise +1.
        minus: recording of the same run with noise -1.
        image_shape: shape of one image.
        batch: number of images.

    Raises:
        NotFound: naming what was looked for.
    """
    final = _final_output(plus, minus, int(np.prod(image_shape)), batch)
    z_mean, width, z_value, sampler_width = find_codes(plus, minus, final)
    if z_mean.same_as(width):
        raise NotFound(
            f"z_mean and z_log_var are one and the same output of {z_mean.call.name!r}: give "
            "z_log_var a layer of its own"
        )
    values = {"z_mean": z_mean.value, "z_log_var": width.value, "z": z_value}
    parts = {"z_mean": z_mean, "z_log_var": width}
    stubs = _code_stubs(plus, final, parts, values)
    code_names = list(dict.fromkeys(call.name for call, _ in stubs.values()))
    output = _output_stub(plus, final, [call for call, _ in stubs.values()])
    stubs[output.key] = (output, ["output"])
    _add_z(plus, stubs, values, final)
    needed = set(stubs)
    _add_unused(plus, stubs)
    head, named = head_of(width, sampler_width)
    text = (
        f"z_mean and z_log_var were put in place of what {_listed(code_names)} returned, the "
        f"output in place of what {output.name!r} returned"
    )
    if head != "log_var":
        text += f"; the second output of the encoder is read as {meaning(head)}, as {named}"
    return Seams(
        roles=stubs,
        unused=frozenset(stubs.keys() - needed),
        code_shape=z_mean.value.shape[1:],
        output_shape=tuple(final.values[0].shape[1:]),
        head=head,
        sampler_width=sampler_width,
        output=output,
        text=text,
    )


def _listed(names):
    return " and ".join(repr(name) for name in names)


# --- the output ---------------------------------------------------------------------------------


def _final_output(plus, minus, size, batch):
    """The call that makes the output: the last of one tensor as large as the images.

    It has to depend on the noise, if anything does: another may only have reshaped the images.
    """

    def is_image(values):
        return values.ndim > 1 and values.shape[0] == batch and np.prod(values.shape[1:]) == size

    def compares(call):
        # A layer that is given the output beside the images, or beside the code.
        return len(call.inputs) > 1 and any(is_image(array(each)) for each in call.inputs)

    found = [
        i
        for i, call in enumerate(plus)
        if len(call.values) == 1 and is_image(call.values[0]) and not compares(call)
    ]
    quiet = [i for i in range(len(plus)) if not _is_noisy(i, plus, minus)]
    if len(quiet) < len(plus):
        # Nor may it be a layer that is called on the images as well, such as a Reshape.
        keys = {plus[i].key for i in quiet}
        found = [i for i in found if plus[i].key not in keys]
    if not found:
        raise NotFound(
            f"no layer or method made one tensor of {size} values for each of {batch} images out "
            "of a sampled code, as a decoder does"
        )
    return max((plus[i] for i in found), key=lambda call: call.end)


def _is_noisy(i, plus, minus):
    """Whether what a call returned depends on the noise, as far as that can be told."""
    if len(plus) != len(minus):
        return False
    pairs = zip(plus[i].values, minus[i].values, strict=True)
    return any(not np.array_equal(one, other) for one, other in pairs)


def _output_stub(calls, final, codes):
    """The outermost call that returns the output and makes no code on the way."""
    return next(
        call
        for call in calls
        if len(call.leaves) == 1
        and (call is final or call.leaves[0] is final.leaves[0])
        and not any(call is code or call.holds(code) for code in codes)
        and (call is final or not call.adds_loss)
    )


# --- what to replace ----------------------------------------------------------------------------


def _roles(call, parts, values):
    """What each tensor that a call returned is, None where it is nothing of the code."""
    roles = [None] * len(call.leaves)
    halves = parts["z_mean"].half, parts["z_log_var"].half
    distinct = not np.array_equal(values["z_mean"], values["z_log_var"])
    for role, part in parts.items():
        tensor = part.call.leaves[part.leaf]
        for i, (leaf, value) in enumerate(zip(call.leaves, call.values, strict=True)):
            if leaf is tensor and part.half is not None:
                roles[i] = "both" if halves == (0, 1) else "both_swapped"
            elif leaf is tensor or (distinct and np.array_equal(value, values[role])):
                roles[i] = roles[i] or role
    if values["z"] is not None:
        for i, value in enumerate(call.values):
            if roles[i] is None and np.array_equal(value, values["z"]):
                roles[i] = "z"
    return roles


def _code_stubs(calls, final, parts, values):
    """Calls to replace so that z_mean and z_log_var are ours: one, the outermost, or one each."""
    usable = [call for call in calls if not call.adds_loss and not call.holds(final)]
    roles = {call.start: _roles(call, parts, values) for call in usable}
    for call in usable:
        if {"both", "both_swapped"} & set(roles[call.start]) or {"z_mean", "z_log_var"} <= set(
            roles[call.start]
        ):
            return {call.key: (call, roles[call.start])}
    stubs = {}
    for role in parts:
        call = next((call for call in usable if role in roles[call.start]), None)
        if call is None:
            raise NotFound(f"{role} comes out of no layer that could be replaced")
        stubs[call.key] = (call, roles[call.start])
    return stubs


def _add_z(calls, stubs, values, final):
    """Replace what draws z, so that its noise is known and its width right."""
    if values["z"] is None:
        return
    for call in calls:
        is_z = [np.array_equal(value, values["z"]) for value in call.values]
        inner = [other for other, _ in stubs.values()] + [final]
        is_free = call.key not in stubs and not any(call.holds(other) for other in inner)
        if any(is_z) and is_free and not call.adds_loss:
            stubs[call.key] = (call, ["z" if each else None for each in is_z])


def _add_unused(calls, stubs):
    """Leave out what only feeds calls that are replaced: it takes time, and one image shape."""
    replaced = [call for call, _ in stubs.values()]
    consumers = {}
    for call in calls:
        for tensor in call.inputs:
            consumers.setdefault(id(tensor), []).append(call)
    for call in sorted(calls, key=lambda each: -each.start):
        idle = [c for c in replaced if c is call or c.holds(call)]
        if idle or call.adds_loss or any(call.holds(other) for other in replaced):
            continue
        users = [user for leaf in call.leaves for user in consumers.get(id(leaf), ())]
        users = [user for user in users if not call.holds(user)]
        is_used = any(
            not any(user is other or other.holds(user) for other in replaced) for user in users
        )
        has_users = all(id(leaf) in consumers for leaf in call.leaves)
        if call.leaves and users and has_users and not is_used and call.key not in stubs:
            replaced.append(call)
            stubs[call.key] = (call, [None] * len(call.leaves))
