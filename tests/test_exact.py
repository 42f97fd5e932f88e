"""Values that are easily a little off: ends, exact zeros, and boundaries where rounding errors meet whole steps."""

import warnings
from fractions import Fraction

import keras
import numpy as np
import pytest
from backends import NAME, compilers, integers, to_numpy

import keras_lr as klr

F = Fraction
EXACT = [
    # Lengths whose reciprocal, times the length, is not 1: powers and logarithms magnify the difference.
    (klr.Polynomial(1.0, 0.0, 49, k=0.25), {0: 1.0, 49: 0.0}),
    (klr.Polynomial(0.1, 0.0, 49, k=0.01), {0: 0.1, 49: 0.0}),
    (klr.Polynomial(0.0, 1.0, 49, power=0.25), {0: 0.0, 49: 1.0}),
    (klr.Polynomial(0.0, 1.0, 103, power=0.01), {0: 0.0, 103: 1.0}),
    (klr.Cosine(0.1, 0.0, 49, k=0.01), {0: 0.1, 49: 0.0}),
    (klr.Cosine(0.0, 0.1, 107, exponent=0.01), {0: 0.0, 107: 0.1}),
    (klr.Staircase(klr.Table(range(200)), 49), {48: 0, 49: 49, 98: 98, 147: 147}),
    (klr.PerUpdate(klr.Table(range(9)), 49), {48: 0, 49: 1, 98: 2}),
    # Values that are exactly 0.
    (klr.warmup_stable_decay(0.4, klr.epochs(1), warmup=1 / 3).bind(steps_per_epoch=121), {121: 0.0}),
    (klr.Staircase(klr.Linear(1.0, 0.0, 485), F(97, 5)), {485: 0.0}),
    (klr.Stretch(klr.Linear(1.0, 0.0, 100), 1.1), {110: 0.0, 0: 1.0}),
    (klr.CosineWaves(0.1, 0.0, F(314, 7), waves=1.5), {0: 0.1, 45: 0.0, 9999: 0.0}),
    (klr.CosineWaves(0.1, 0.0, 7, waves=2.5), {0: 0.1, 7: 0.0}),
    (klr.CosineWaves(0.0, 0.1, 12, waves=3), {0: 0.0, 2: 0.1, 4: 0.0, 12: 0.0}),
    (klr.Repeat(klr.Linear(0.4, 0.0, 1), F(99, 49)), {0: 0.4, 1: 0.0}),
    (klr.Repeat(klr.Linear(0.4, 0.0, F(14, 3)), F(14, 3), cycles=3), {14: 0.0, 15: 0.0}),
    (klr.Repeat(klr.Linear(0.4, 0.0, 7), 1, cycles=3), {9: 0.0}),
    # Boundaries on whole steps, of parts of steps.
    (
        klr.Skip(klr.Sequence([1.0, 0.5], klr.epochs(36.8)), klr.epochs(35.8)).bind(steps_per_epoch=7),
        {6: 1.0, 7: 0.5, 8: 0.5},
    ),
    (klr.Skip(klr.Sequence([1.0, 0.5], [F(10329, 5)]), F(10219, 5)), {21: 1.0, 22: 0.5}),
    (klr.Skip(klr.Delay(klr.Intervals([F(1, 3)], [1.0, 0.5]), F(200, 3)), F(100, 3)), {33: 1.0, 34: 0.5}),
    (klr.Sequence([1.0, klr.Sequence([0.5, 0.25], [F(2, 3)])], [F(100, 3)]), {33: 1.0, 34: 0.25}),
    (klr.Delay(klr.Repeat(klr.Table([0.1, 0.2]), F(4, 3)), F(1, 3)), {3: 0.1, 4: 0.2}),
    (klr.Sequence([1.0, 0.5], [10**9 + F(1, 10**6)]), {10**9: 1.0, 10**9 + 1: 0.5}),
    # Numbers far from 1.
    (klr.Repeat(1e-30, 1, shrink=10), {60: 1e30}),
    (klr.Hyperbolic(1.0, 1e-12, 10, 10), {10: 1e-12}),
    (klr.Hyperbolic(1.0, 0.0, 10**6, 10**6 + 1), {10**6: 4.999990000015e-13}),
    (klr.Cosine(0.0, 1.0, 10**6, exponent=0.01), {999_999: 0.23454018}),
]
IDS = [f"{number} {type(schedule).__name__}" for number, (schedule, _) in enumerate(EXACT)]


@pytest.mark.parametrize(("schedule", "expected"), EXACT, ids=IDS)
def test_exact_values(schedule, expected):
    """The values by numpy are right, and those of compiled steps are theirs, rounded to float32; 0 is 0."""
    np.testing.assert_allclose(schedule.values([*expected]), [*expected.values()], rtol=3e-8)
    for compiler in compilers().values():
        compiled = compiler(schedule)
        found = [float(to_numpy(compiled(integers(t)))) for t in expected]
        np.testing.assert_allclose(found, [*expected.values()], rtol=1.2e-7)
        np.testing.assert_allclose(to_numpy(compiled(integers([*expected]))), found, rtol=1.2e-7)


def test_every_length_ends_exactly():
    """Curves have their first and last value exactly, for every length: also where n * (1 / n) is not 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for length in range(1, 400):
            for curve in (klr.Linear(0.0, 1.0, length), klr.Polynomial(1.0, 0.0, length, k=0.1)):
                assert curve.values([0, length]).tolist() == [curve.start, curve.end]


def test_integers_of_numpy():
    """Small integers of numpy do not overflow."""
    assert klr.epochs(3).bind(steps_per_epoch=np.uint8(200)).steps == 600
    assert klr.epochs(np.uint8(200)).bind(steps_per_epoch=np.int8(100)).steps == 20_000
    assert klr.Linear(0.1, 0.0, np.uint8(200)).values([200])[0] == 0.0


def test_a_known_step_inside_of_a_graph():
    """A Python number as the step works while a graph is made, also for members of Keras."""
    rate = klr.Warmup(keras.optimizers.schedules.CosineDecay(0.1, 100), 5)
    for compiler in compilers().values():
        if NAME != "torch":  # where the member is called eagerly
            assert float(compiler(lambda step: rate(3) + 0.0 * rate(step))(integers(1))) == pytest.approx(0.08)


@pytest.mark.parametrize("step", [None, "3", float("nan"), float("inf")])
def test_what_is_no_step(step):
    with pytest.raises((TypeError, ValueError), match="Argument `step` of `schedule` must be"):
        klr.Linear(0.1, 0.0, 10)(step)


@pytest.mark.skipif(NAME != "torch", reason="torch's dtypes and compiler")
def test_torch():
    """A bfloat16 step works; a schedule compiles at once and for dynamic shapes."""
    import torch

    assert float(klr.Linear(0.1, 0.0, 10)(torch.tensor(5.0, dtype=torch.bfloat16))) == np.float32(0.05)
    for rate in (klr.CosineWaves(0.1, 0.0, 9, 1.5), klr.triangular(0.1, 0.5, 3, shrink=0.5), klr.Table([0.1, 0.2])):
        compiled = torch.compile(rate, backend="eager", fullgraph=True, dynamic=True)
        np.testing.assert_allclose(float(compiled(torch.tensor(5))), rate.values([5])[0], rtol=1.2e-7)
