"""Of tables with few rows and with many, each row is found at its first step and at its last one."""

import numpy as np
import pytest
from backends import NAME, compilers, integers, to_numpy

import keras_lr as klr

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
