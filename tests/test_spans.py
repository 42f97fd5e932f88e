"""Lengths of time in epochs, examples and shares of the run."""

import json
import math
from fractions import Fraction

import keras
import numpy as np
import pytest

import keras_lr as klr


def test_binding_is_exact():
    """A span becomes the exact number of steps, a fraction where it is none."""
    numbers = {"steps_per_epoch": 225, "epochs": 100, "batch_size": 64}
    assert klr.epochs(20).bind(**numbers).steps == 4500
    assert klr.epochs(0.1).bind(**numbers).steps == Fraction(45, 2)
    assert klr.examples(60_000).bind(**numbers).steps == Fraction(1875, 2)
    assert klr.fraction(0.3).bind(**numbers).steps == 6750
    assert (klr.epochs(10) * 0.3).bind(**numbers).steps == 675
    assert (0.3 * klr.epochs(10)) == klr.epochs(3)


def test_a_boundary_is_on_the_step_asked_for():
    """At 225 steps an epoch, step 4499 has 0.1 and step 4500 has 0.01."""
    rate = klr.Intervals(klr.epochs(20, 60, 100), [0.1, 0.01, 0.001, 0.0001]).bind(steps_per_epoch=225)
    expected = [0.1, 0.01, 0.01, 0.001, 0.001, 0.0001]
    steps = [4499, 4500, 13_499, 13_500, 22_499, 22_500]
    np.testing.assert_array_equal(rate.values(steps), expected)
    np.testing.assert_array_equal([float(rate(t)) for t in steps], np.float32(expected))


def test_nothing_drifts():
    """A stair of 60,000 examples at 64 a step is on time after a thousand passes."""
    rate = klr.Exponential(1.0, 0.999, steps=klr.examples(60_000), staircase=True).bind(batch_size=64)
    boundary = 999 * 60_000 / 64
    below, above = math.ceil(boundary) - 1, math.ceil(boundary)
    np.testing.assert_allclose(rate.values([below, above]), [0.999**998, 0.999**999], rtol=1e-12)
    np.testing.assert_allclose([float(rate(below)), float(rate(above))], [0.999**998, 0.999**999], rtol=1e-6)


@pytest.mark.parametrize("period", [Fraction(1875, 2), Fraction(7, 3), Fraction(2, 3), Fraction(46_341, 46_340), 5])
def test_counting_is_exact(period):
    """The number of whole periods is right at every boundary, whatever the fraction."""
    stairs = klr.Table(np.arange(20_000.0))
    counted = Counted(period, stairs)
    boundaries = [math.ceil(k * period) for k in (1, 2, 3, 10, 99, 1000, 15_000)]
    steps = sorted({t + d for t in boundaries for d in (-1, 0, 1)})
    expected = [float(min(t // period, 19_999)) for t in steps]
    np.testing.assert_array_equal(counted.values(steps), expected)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(counted(np.array(steps))), expected)


@klr.schedule(package="tests")
class Counted(klr.Schedule):
    """Shows `Step.count`: the entry of a table at the number of whole periods."""

    period: klr.Span
    table: klr.Schedule

    def at(self, step):
        return self.table.at(step.at(step.count(self.period)))


def test_nested_spans_are_bound():
    """Binding reaches the members of a composition and keeps the units for the next binding."""
    rate = klr.Warmup(
        klr.Sequence([0.1, klr.Cosine(0.1, 0.0, steps=klr.fraction(0.5))], boundaries=[klr.epochs(2)]),
        steps=klr.examples(320),
    )
    first = rate.bind(steps_per_epoch=10, epochs=20, batch_size=32)
    assert [span.steps for span in first.spans] == [100, 20, 10]
    assert first.bind(steps_per_epoch=20, epochs=20, batch_size=16) == rate.bind(
        steps_per_epoch=20, epochs=20, batch_size=16
    )
    assert first != rate and first.bind(steps_per_epoch=10, epochs=20, batch_size=32) == first
    plain = klr.Linear(0.1, 0.0, steps=5)
    assert plain.bind(steps_per_epoch=3) is plain


def test_bound_spans_are_saved():
    """Units and bound steps survive config and JSON, also as fractions."""
    rate = klr.Exponential(0.01, 0.95, steps=klr.examples(60_000))
    for schedule in (rate, rate.bind(batch_size=64), klr.Linear(0.1, 0.0, steps=klr.epochs(0.3) * Fraction(1, 7))):
        config = json.loads(json.dumps(schedule.get_config()))
        assert type(schedule).from_config(config) == schedule
    assert rate.bind(batch_size=64).get_config()["steps"] == {"examples": 60_000, "steps": "1875/2"}
    assert repr(rate.bind(batch_size=64).steps) == "<examples(60000): 937.5 steps>"


def test_unbound_schedules_say_what_to_do():
    """A schedule in epochs refuses to be evaluated and names the two ways to bind it."""
    rate = klr.Warmup(klr.Linear(0.1, 0.0, steps=klr.epochs(2)), steps=10)
    for use in (lambda: rate(0), lambda: rate.values(3), lambda: rate.plot()):
        with pytest.raises(ValueError, match=r"is in epochs and is not a number of steps yet.*BindSpans\(\).*bind\("):
            use()


@pytest.mark.parametrize(
    ("unit", "numbers", "missing"),
    [
        (klr.epochs, {"epochs": 3, "batch_size": 4}, "`steps_per_epoch`"),
        (klr.examples, {"epochs": 3, "steps_per_epoch": 4}, "`batch_size`"),
        (klr.fraction, {"epochs": 3}, "`steps_per_epoch`"),
        (klr.fraction, {}, "`steps_per_epoch` and `epochs`"),
    ],
)
def test_a_missing_number_is_named(unit, numbers, missing):
    """Binding without a number that a span needs says which."""
    with pytest.raises(ValueError, match=missing):
        klr.Linear(0.1, 0.0, steps=unit(1)).bind(**numbers)


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", True])
def test_a_bad_number_is_refused(number):
    """Only integers > 0 (or exact fractions) can be bound to."""
    with pytest.raises(ValueError, match=r"`steps_per_epoch` of `bind` must be an integer > 0"):
        klr.epochs(1).bind(steps_per_epoch=number)


def test_boundaries_that_cross_once_bound_are_refused():
    """Boundaries in different units are compared as soon as they can be."""
    rate = klr.Intervals([klr.epochs(2), klr.examples(100)], [3, 2, 1])
    assert rate.bind(steps_per_epoch=10, batch_size=2).values([19, 20, 49, 50]).tolist() == [3, 2, 2, 1]
    with pytest.raises(ValueError, match="`boundaries` of `Intervals` must be strictly increasing"):
        rate.bind(steps_per_epoch=100, batch_size=2)


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, "3", None, True])
def test_bad_amounts(amount):
    """An amount of time is a finite number >= 0."""
    for unit in (klr.epochs, klr.examples, klr.fraction):
        with pytest.raises(ValueError, match=rf"The amount of `{unit.__name__}` must be (0 or )?a number"):
            unit(amount)
    with pytest.raises(ValueError, match=r"must be a number in \[0, 1\]"):
        klr.fraction(1.5)
    with pytest.raises(ValueError, match="at least one amount"):
        klr.epochs()
