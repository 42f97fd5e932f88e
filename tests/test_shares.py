"""Shares of a time near both of its ends, where a plain formula has no digits left."""

import math

import keras
import numpy as np
import pytest
from backends import to_numpy

import keras_lr as klr
from keras_lr.schedules.curves import swing
from keras_lr.schedules.steps.shares import between, power_less_one
from keras_lr.schedules.steps.step import Step

BACKEND, NUMPY = Step(keras.ops.convert_to_tensor(0), keras.ops), Step(np.array(0), np)


@pytest.mark.parametrize("power", [0.001, 0.1, 0.5, 1.5, 5.0])
@pytest.mark.parametrize("steps", [10, 10**7, 2**31 - 1])
def test_a_power_less_one(power, steps):
    """`1 - x ** power` has its digits at the first and at the last step of long times, and is exact at both ends."""
    part = np.array([0, 1, 3, steps // 2, steps - 2, steps - 1, steps], "int64")
    rest = steps - part
    expected = [1.0 if p == 0 else -math.expm1(-power * math.log1p(r / p)) for p, r in zip(part, rest, strict=True)]
    for step, rtol in ((NUMPY, 1e-9), (BACKEND, 5e-7)):
        floats = part.astype("float64"), rest.astype("float64")
        found = -to_numpy(power_less_one(step, *map(step.constant, floats), power, 1 / steps))
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
        assert (found[0], found[-1]) == (1, 0)


def test_half_a_wave():
    """Half a wave has its digits down to the smallest share, where 1 - cos has none."""
    shares = np.append(np.linspace(0, 1, 2001), 10.0 ** -np.arange(1, 18))
    assert swing(np.array(1.0), NUMPY) == 1 and swing(np.array(0.0), NUMPY) == 0
    single = shares.astype("float32")
    found = to_numpy(swing(keras.ops.convert_to_tensor(single), BACKEND))
    np.testing.assert_allclose(found, np.sin(np.pi / 2 * single.astype("float64")) ** 2, rtol=5e-7, atol=1e-37)
    np.testing.assert_allclose(swing(shares, NUMPY)[-9:], (np.pi / 2 * shares[-9:]) ** 2, rtol=1e-14, atol=0)


def test_both_ends_are_exact():
    """A share of 0 gives the low end and one of 1 the high one, to the last digit, whatever the two are."""
    lows, highs = np.random.default_rng(0).uniform(0.01, 1, (2, 200)).round(3)
    for low, high in [(1 / 2**24, 1 + 1 / 2**23), *zip(lows, lows + highs, strict=True)]:
        found = to_numpy(between(BACKEND, float(low), float(high), BACKEND.constant([0.0, 1.0])))
        np.testing.assert_array_equal(found, np.array([low, high], "float32"))


def test_noise_is_evenly_spread():
    """The noise fills its range, and neither neighbours nor seeds go together."""
    shaken = np.array([klr.Noise(1.0, scale=1.0, seed=seed).values(20_000) - 1 for seed in range(4)])
    counts = np.array([np.histogram(row, 20, (-1, 1))[0] for row in shaken])
    assert (np.abs(counts - 1000) < 150).all()  # five standard deviations
    rows = [*shaken[:, :-64], *(shaken[0, lag : lag + 19_936] for lag in (1, 2, 3, 16, 64))]
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < 5 / math.sqrt(20_000)
