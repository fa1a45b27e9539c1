"""The cost model finds the rates behind measured times, and a plan adds up by hand."""

import itertools

import numpy as np
import pytest

from vae_helpers import cost
from vae_helpers.cost import CostModel, Measurement

KNOWN = CostModel(start=4.0, per_image=2e-5, per_step=3e-4, latency=2e-4, per_byte=1e-9)


def measured(model, noise, devices=(1, 2, 4), sizes=(400_000, 4_000_000), seed=0):
    """Times that a model predicts, each off by a normal relative error."""
    rng = np.random.default_rng(seed)
    found = []
    grid = itertools.product((20_000, 60_000, 600_000), (60, 250, 1000), devices, sizes)
    for images, batch_size, count, size in grid:
        work = {"images": images, "epochs": 3, "batch_size": batch_size, "devices": count}
        seconds = model.seconds(**work, gradient_bytes=size)
        found.append(Measurement(seconds * rng.normal(1, noise), **work, gradient_bytes=size))
    return found


def test_the_rates_behind_exact_times_are_found():
    found = cost.fit_cost_model(measured(KNOWN, noise=0.0))
    for name in ("start", "per_image", "per_step", "latency", "per_byte"):
        assert getattr(found, name) == pytest.approx(getattr(KNOWN, name), rel=1e-6), name
    assert found.error < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_with_noise_the_rates_are_near_and_the_error_says_how_far_a_time_is_off(seed):
    found = cost.fit_cost_model(measured(KNOWN, noise=0.02, seed=seed))
    assert found.start == pytest.approx(KNOWN.start, rel=0.1)
    assert found.per_image == pytest.approx(KNOWN.per_image, rel=0.05)
    assert found.per_step == pytest.approx(KNOWN.per_step, rel=0.2)
    assert found.per_byte == pytest.approx(KNOWN.per_byte, rel=0.1)
    assert 0.02 < found.error < 0.1


def test_exchanges_timed_alone_tell_latency_and_bytes_apart():
    exchanges = [
        cost.Exchange(2e-4 + size * 1e-9, devices=2, gradient_bytes=size)
        for size in (4_000, 400_000, 4_000_000)
    ]
    trainings = measured(KNOWN, noise=0.0, devices=(1,), sizes=(400_000,))
    found = cost.fit_cost_model(trainings, exchanges)
    assert found.latency == pytest.approx(2e-4)
    assert found.per_byte == pytest.approx(1e-9)
    assert found.per_image == pytest.approx(KNOWN.per_image)


def test_what_was_not_measured_costs_nothing_and_no_rate_is_negative():
    found = cost.fit_cost_model(measured(KNOWN, noise=0.05, devices=(1,)))
    assert found.latency == found.per_byte == 0.0
    assert min(found.start, found.per_image, found.per_step) >= 0.0


def test_a_time_of_zero_is_rejected_with_its_value():
    with pytest.raises(ValueError, match=r"\[1.0, 0.0\], expected two times or more, all above 0"):
        cost.fit_cost_model([Measurement(1.0, 10, 1, 5), Measurement(0.0, 20, 1, 5)])
    with pytest.raises(ValueError, match="two times or more"):
        cost.fit_cost_model([Measurement(1.0, 10, 1, 5)])


def test_steps_count_the_smaller_last_batch_and_a_ring_of_two_sends_the_gradients_once():
    assert cost.steps_of(1001, 3, 250) == 15
    assert cost.ring_bytes(400, 1) == 0
    assert cost.ring_bytes(400, 2) == 400
    assert cost.ring_bytes(400, 4) == 600


JOB = {"images": 10**6, "shape": (64, 64, 3), "epochs": 10}
SETTINGS = {"batch_size": 1000, "gradient_bytes": 4_000_000}


def test_a_plan_by_hand():
    model = CostModel(start=100.0, per_image=1e-3, per_step=0.01, latency=0.002, per_byte=1e-9)
    machines = {"network_bandwidth": 1e8, "network_latency": 0.001, "read_bandwidth": 1e8}
    prices = {"price_per_device_hour": 2.0, "price_per_gb_month": 0.05}
    found = cost.plan(model, **JOB, devices=4, **SETTINGS, speed=5.0, **machines, **prices)
    assert found.steps == 10_000
    # 10^7 looks of 1 ms on 4 devices of 5 times the speed, and 10^4 steps of 10 ms
    assert found.seconds["compute"] == pytest.approx(500 + 100)
    # each step sends 6 MB at 100 MB/s and waits 1 ms
    assert found.seconds["all-reduce"] == pytest.approx(10_000 * 0.061)
    # 12,288 bytes an image, ten times 10^6 of them, at 100 MB/s
    assert found.bytes_stored == pytest.approx(12.288e9)
    assert found.seconds["reading"] == pytest.approx(1228.8)
    assert found.slowest == "reading"
    assert found.hours == pytest.approx((100 + 1228.8) / 3600)
    assert found.bytes_read == {"step": 12_288_000, "all": pytest.approx(122.88e9)}
    assert found.bytes_moved == {"step": 24e6, "all": pytest.approx(240e9)}
    storage = 12.288 * 0.05 * found.hours / 730
    assert found.cost == pytest.approx(4 * 2.0 * found.hours + storage)


def test_compute_and_exchange_follow_each_other_and_reading_runs_beside_them():
    found = cost.plan(KNOWN, **JOB, devices=2, **SETTINGS, read_bandwidth=1e12)
    both = found.seconds["compute"] + found.seconds["all-reduce"]
    assert found.hours == pytest.approx((KNOWN.start + both) / 3600)
    assert found.hours * 3600 == pytest.approx(KNOWN.seconds(10**6, 10, 1000, 2, 4_000_000))
    alone = cost.plan(KNOWN, **JOB, devices=1, **SETTINGS)
    assert alone.seconds["all-reduce"] == alone.bytes_moved["all"] == 0.0


@pytest.mark.parametrize("devices", [0, 1001])
def test_devices_without_an_image_are_rejected(devices):
    with pytest.raises(ValueError, match=f"devices is {devices}, expected 1 to 1000"):
        cost.plan(KNOWN, **JOB, devices=devices, **SETTINGS)


def test_what_breaks_first_is_where_compute_stops_being_the_slowest():
    model = CostModel(start=0.0, per_image=1e-3, per_step=0.0)
    # 10^4 s of compute for one device; reading 122.88 GB takes 1228.8 s: nine devices are too many
    found = cost.what_breaks_first(model, **JOB, **SETTINGS, read_bandwidth=1e8)
    assert found == ("reading", 9)
    assert cost.plan(model, **JOB, devices=8, **SETTINGS, read_bandwidth=1e8).slowest == "compute"
    # n devices send 8 (n - 1) / n MB a step, in 10^4 steps: 1e4 / n < 800 (n - 1) / n from 14 on
    found = cost.what_breaks_first(model, **JOB, **SETTINGS, network_bandwidth=1e8)
    assert found == ("all-reduce", 14)
    assert cost.what_breaks_first(model, **JOB, **SETTINGS) == ("batch", 1000)
