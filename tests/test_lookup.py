"""Of tables with few rows and with many, each row is found at its first step and at its last one."""

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from backends import NAME, compilers, integers, to_numpy

import keras_lr as klr
from keras_lr.schedules.steps.lookup import Lookup
from keras_lr.schedules.steps.pieces import Piece

COUNTS = [0, 1, 2, 30, 31, 32, 33, 126, 127, 128, 1000]


def schedules(count):
    random = np.random.default_rng(count)
    times, values = random.integers(1, 7, count).cumsum().tolist(), random.random(count + 1).tolist()
    made = {"intervals": klr.Intervals(times, values), "knots": klr.Knots(times, values)}
    late = klr.Delay(made["intervals"], 2**24)  # where a float32 can't tell the steps apart
    return made | {"waves": klr.Knots(times, values, interpolation="cosine"), "late": late}


@pytest.mark.parametrize("count", COUNTS)
def test_each_row_is_found(count):
    """One step at a time and all of them at once, compiled or not, the value is that of numpy."""
    for name, schedule in schedules(count).items():
        begin = 2**24 if name == "late" else 0
        inside = [3 * count + n for n in range(-5, 9)]
        steps = begin + np.array([*range(-3, 12), *inside, *(6 * count + n for n in range(9))])
        steps = steps[steps < 2**31]
        expected = schedule.values(steps)
        np.testing.assert_allclose(to_numpy(schedule(integers(steps))), expected, rtol=1e-6, err_msg=name)
        for compiler in compilers().values() if NAME != "torch" or count == 33 else []:  # its compiler takes seconds
            compiled = compiler(schedule)
            found = [float(compiled(integers(t))) for t in steps[::3].tolist()]
            np.testing.assert_allclose(found, expected[::3], rtol=1e-6, err_msg=name)


def test_a_table_is_wide():
    """Exponentials, powers of the time, lines and waves are told apart by their row."""
    wide = klr.Sequence(
        [
            klr.Linear(0.0, 0.5, 9),
            klr.Polynomial(0.5, 0.25, 20, power=1.5),
            klr.Cosine(0.25, 0.5, 30),
            klr.Exponential(0.5, 0.9, 7, end=0.2),
            klr.InverseSqrt(0.4, 10),
            klr.Exponential(0.1, 1.2, 5, staircase=True, end=0.3),
        ],
        [10, 30, 61, 100, 300],
    )
    steps = np.arange(400)
    expected = wide.values(steps)
    np.testing.assert_allclose(to_numpy(wide(integers(steps))), expected, rtol=1e-6)
    for compiler in compilers().values():
        compiled = compiler(wide)
        found = [float(compiled(integers(t))) for t in steps[::9].tolist()]
        np.testing.assert_allclose(found, expected[::9], rtol=1e-6)


EDGES = {
    "a staircase longer than a table": (klr.Skip(klr.Exponential(1.0, 0.999, 1, staircase=True), 25_000), [0, 9]),
    "the end of a cut staircase": (klr.Skip(klr.Exponential(0.1, 0.999, 1, staircase=True), 5), [19_990, 19_999]),
    "a power of a time far below a step": (klr.Warmup(klr.InverseTime(0.1, 1e8, steps=1), 5), [4, 5, 6, 9]),
    "a thousandth": (klr.Stretch(klr.InverseSqrt(0.1, steps=7), 0.001), [0, 1, 2, 99]),
    "a short time after a long one": (klr.Delay(klr.InverseTime(0.1, 1e3, steps=1), 2**30), [0, 2**30, 2**30 + 1]),
    "to the last float": (klr.Warmup(klr.Exponential(0.1, 10.0, 1), 2), [2, 3, 41]),
    "a block across the end": (klr.Sequence([klr.Exponential(1.0, 1.1, 1), 0.0], [2000]), [0, 900, 930]),
    "a rise within a step": (klr.Stretch(klr.Exponential(0.1, 2.0, 1, end=0.5), 0.004), [0, 1, 2]),
    "a rise within a step, without an end": (klr.Stretch(klr.Exponential(0.1, 2.0, 1), 0.004), [0]),
    "a fall within a step": (klr.Delay(klr.Exponential(0.1, 1e-9, 1, end=1e-20), 3), [0, 3, 4, 5, 6]),
    "to infinity and no further": (
        klr.Product([klr.Repeat(klr.Linear(1e5, 0.0, 4), [4] * 3, shrink=1e200), klr.Intervals([3], [1.0, 0.0])]),
        [0, 1, 9],
    ),
    "periods of which three are whole": (
        klr.Repeat(klr.Exponential(0.8, 1.87, Fraction(14, 3), staircase=True), 27, growth=1.1, cycles=37),
        [13, 14, 27, 28],
    ),
    "stairs of one step, stretched": (klr.Stretch(klr.Exponential(0.1, 0.5, 1, staircase=True), 2.5), range(12)),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    """What is far longer or shorter than usual has the value of its formula."""
    schedule, steps = EDGES[name]
    expected = schedule.values(list(steps))
    np.testing.assert_allclose([float(schedule(integers(t))) for t in steps], expected, rtol=2e-6, atol=1e-45)
    np.testing.assert_allclose(to_numpy(schedule(integers(list(steps)))), expected, rtol=2e-6, atol=1e-45)
    if name == "stairs of one step, stretched":
        np.testing.assert_allclose(expected, [0.1 * 0.5 ** int(t / 2.5) for t in steps], rtol=1e-12)
    if name == "periods of which three are whole":  # by hand: 14 is three times 14/3
        np.testing.assert_allclose(expected[:2], [0.8 * 1.87**2, 0.8 * 1.87**3], rtol=1e-9)


def test_what_has_too_many_curves_is_refused_at_once():
    """No table of ten thousand curves is made for each of hundreds of cycles."""
    stairs = klr.Exponential(0.1, 0.99, 1, staircase=True)
    schedule = klr.Repeat(klr.Repeat(stairs, 50, shrink=0.6), 3000, shrink=0.5)
    with mock.patch("keras_lr.schedules.decays.Piece", side_effect=Piece) as made:
        assert Lookup.of(schedule, "int64") is None
    assert 0 < made.call_count < 100_000
