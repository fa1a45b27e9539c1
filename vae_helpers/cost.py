"""What a training costs: a model fitted to measured times, and a plan on paper for a large one.

    seconds = start + per_image * images * epochs / devices + steps * (per_step + exchange)

An exchange is the all-reduce of the gradients that every step of more than one device ends with:
a latency, and the bytes that a ring of n devices moves over each link, 2 (n - 1) / n times the
gradients. The batch is that of all devices together, so the number of steps does not depend on n.

Source: the ring: Patarasuk & Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of
    workstations", Journal of Parallel and Distributed Computing 69(2).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

HOURS_A_MONTH = 730.0


@dataclass(frozen=True)
class Measurement:
    """One timed training: `batch_size` of all devices together, `gradient_bytes` of one step."""

    seconds: float
    images: int
    epochs: int
    batch_size: int
    devices: int = 1
    gradient_bytes: int = 0


@dataclass(frozen=True)
class Exchange:
    """One timed all-reduce of gradients between devices."""

    seconds: float
    devices: int
    gradient_bytes: int


@dataclass(frozen=True)
class CostModel:
    """What one piece of work takes, in seconds; `fit_cost_model` makes one.

    Attributes:
        start: once: imports, the first data, compiling.
        per_image: an image in one pass, on one device.
        per_step: a step, however many images it has.
        latency: an exchange of gradients, however many bytes it has.
        per_byte: a byte that a device sends.
        error: largest |predicted / measured - 1| of the measurements it was fitted to.
    """

    start: float
    per_image: float
    per_step: float = 0.0
    latency: float = 0.0
    per_byte: float = 0.0
    error: float = 0.0

    def seconds(self, images, epochs, batch_size, devices=1, gradient_bytes=0) -> float:
        """Return the predicted seconds of a training; arguments as of a `Measurement`."""
        pieces = _pieces(images, epochs, batch_size, devices, gradient_bytes)
        rates = (self.start, self.per_image, self.per_step, self.latency, self.per_byte)
        return float(np.dot(pieces, rates))


def steps_of(images: int, epochs: int, batch_size: int) -> int:
    """Return the number of steps; the last batch of a pass may be smaller."""
    return epochs * -(-images // batch_size)


def ring_bytes(gradient_bytes: float, devices: int) -> float:
    """Return the bytes that each of the devices sends in one all-reduce: 0 for one device."""
    return 2 * (devices - 1) / devices * gradient_bytes


def fit_cost_model(measurements, exchanges=()) -> CostModel:
    """Return the model whose predictions are nearest to measured times, in relative terms.

    Rates are at least 0. What the measurements do not vary cannot be told from the rest: take
    several numbers of images, several batch sizes, one device and more, and for `per_byte` two
    sizes of gradients or more. A rate that no measurement has a part in is 0.

    Args:
        measurements: `Measurement`s of trainings of one network.
        exchanges: `Exchange`s that were timed alone.

    Raises:
        ValueError: if there are fewer than two times, or one is not above 0.
    """
    timed = [*measurements, *exchanges]
    seconds = np.array([one.seconds for one in timed], float)
    if len(seconds) < 2 or not (seconds > 0).all():
        raise ValueError(
            f"seconds are {seconds.tolist()}, expected two times or more, all above 0: leave out "
            "runs that failed"
        )
    pieces = np.array([_pieces_of(one) for one in timed])
    # Divided by its time, each row asks for 1: a relative error counts the same in all of them.
    rows = pieces / seconds[:, None]
    scale = np.maximum(rows.max(axis=0), 1e-300)  # images are millions, steps are thousands
    found, _ = nnls(rows / scale, np.ones(len(rows)))
    rates = np.where(rows.max(axis=0) > 0, found / scale, 0.0)
    return CostModel(*map(float, rates), error=float(np.abs(rows @ rates - 1).max()))


@dataclass(frozen=True)
class Plan:
    """A training on paper; `plan` makes one.

    Attributes:
        devices: how many share the work.
        steps: of the whole training.
        seconds: {"compute", "all-reduce", "reading"}: what each would take alone.
        hours: of the whole: reading runs beside the other two, which follow each other.
        bytes_stored: of the data.
        bytes_read: {"step", "all"}: from the storage, by all devices together.
        bytes_moved: {"step", "all"}: of gradients, by all devices together.
        cost: of devices and storage, in the unit of the prices.
    """

    devices: int
    steps: int
    seconds: dict
    hours: float
    bytes_stored: float
    bytes_read: dict
    bytes_moved: dict
    cost: float

    @property
    def slowest(self) -> str:
        """The resource that takes longest: "compute", "all-reduce" or "reading"."""
        return max(self.seconds, key=self.seconds.get)


def plan(
    model: CostModel,
    images: int,
    shape: tuple,
    epochs: int,
    devices: int,
    *,
    batch_size: int,
    gradient_bytes: int,
    speed: float = 1.0,
    read_bandwidth: float = math.inf,
    network_bandwidth: float | None = None,
    network_latency: float | None = None,
    price_per_device_hour: float = 0.0,
    price_per_gb_month: float = 0.0,
) -> Plan:
    """Return what a training would take, from a fitted model and what you assume of the machines.

    Args:
        model: fitted to trainings of the same network on images of the same shape.
        images: number of training images.
        shape: (height, width, channels), one byte a value.
        epochs: passes over the images.
        devices: cores or GPUs; they share each batch.
        batch_size: images in a step, of all devices together.
        gradient_bytes: 4 times the number of parameters, for float32.
        speed: images a second of a device, as a multiple of the one that was measured.
        read_bandwidth: of the storage for all devices together, bytes a second.
        network_bandwidth: of a device's link, bytes a second; as the model has it when None.
        network_latency: seconds of an exchange without its bytes; as the model has it when None.
        price_per_device_hour: for one device.
        price_per_gb_month: for 10^9 bytes stored for 730 hours.

    Raises:
        ValueError: if there are more devices than images in a batch, or fewer than one.
    """
    if not 1 <= devices <= batch_size:
        raise ValueError(
            f"devices is {devices}, expected 1 to {batch_size}, the images of a batch: each device "
            "needs one"
        )
    steps, stored = steps_of(images, epochs, batch_size), float(images) * math.prod(shape)
    sent = ring_bytes(gradient_bytes, devices)
    per_byte = model.per_byte if network_bandwidth is None else 1 / network_bandwidth
    latency = model.latency if network_latency is None else network_latency
    compute = model.per_image * images * epochs / (devices * speed) + model.per_step * steps
    exchange = steps * (latency + sent * per_byte) if devices > 1 else 0.0
    reading = epochs * stored / read_bandwidth
    hours = (model.start + max(compute + exchange, reading)) / 3600
    storage = stored / 1e9 * price_per_gb_month * hours / HOURS_A_MONTH
    return Plan(
        devices=devices,
        steps=steps,
        seconds={"compute": compute, "all-reduce": exchange, "reading": reading},
        hours=hours,
        bytes_stored=stored,
        bytes_read={"step": float(batch_size * math.prod(shape)), "all": epochs * stored},
        bytes_moved={"step": devices * sent, "all": steps * devices * sent},
        cost=devices * hours * price_per_device_hour + storage,
    )


def what_breaks_first(model: CostModel, images, shape, epochs, *, batch_size, **settings) -> tuple:
    """Return (resource, devices): from how many devices on something else than compute is slowest.

    The resource is "reading", "all-reduce", or "batch" where compute stays the slowest until each
    device has one image of the batch. Arguments as of `plan`.
    """

    def planned(devices):
        job = (model, images, shape, epochs, devices)
        return plan(*job, batch_size=batch_size, **settings)

    low, high = 0, batch_size  # with more devices compute takes less time, and nothing else does
    if planned(high).slowest == "compute":
        return "batch", high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if planned(middle).slowest == "compute" else (low, middle)
    return planned(high).slowest, high


def _pieces_of(timed):
    if isinstance(timed, Exchange):
        return (0.0, 0.0, 0.0, 1.0, ring_bytes(timed.gradient_bytes, timed.devices))
    work = (timed.images, timed.epochs, timed.batch_size)
    return _pieces(*work, timed.devices, timed.gradient_bytes)


def _pieces(images, epochs, batch_size, devices, gradient_bytes):
    """How much of each rate of a `CostModel` a training has."""
    steps = steps_of(images, epochs, batch_size)
    exchanges = steps if devices > 1 else 0
    sent = exchanges * ring_bytes(gradient_bytes, devices)
    return (1.0, images * epochs / devices, steps, exchanges, sent)
