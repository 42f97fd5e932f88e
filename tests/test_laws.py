"""The laws that schedules and their compositions keep, for whatever they are made of."""

from fractions import Fraction

import numpy as np
import pytest
from backends import compilers, integers, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_lr as klr
from keras_lr.schedules.evaluation import CHUNK
from keras_lr.schedules.step import Step

STEPS = np.concatenate([np.arange(-3, 120), [999, 10**6, 2**24 + 1, 2**31 - 1]])
settings.register_profile("laws", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("laws")

values = st.integers(0, 1000).map(lambda n: n / 1000)
positive = st.integers(1, 1000).map(lambda n: n / 1000)
whole = st.integers(1, 40)
lengths = st.one_of(whole, st.builds(Fraction, st.integers(1, 90), st.integers(1, 7)))
rising = st.lists(lengths, min_size=1, max_size=4, unique=True).map(sorted)
shares = st.integers(1, 19).map(lambda n: n / 20)
tables = rising.flatmap(lambda b: st.tuples(st.just(b), st.lists(values, min_size=len(b) + 1, max_size=len(b) + 1)))

leaves = st.one_of(
    st.builds(klr.Constant, values),
    st.builds(klr.Linear, values, values, lengths),
    st.builds(klr.Polynomial, values, values, lengths, power=positive, k=positive),
    st.builds(klr.Cosine, values, values, lengths),
    st.builds(klr.CosineWaves, values, values, lengths, positive),
    st.builds(klr.Tanh, values, values, lengths),
    st.builds(klr.Rex, values, values, lengths),
    st.builds(klr.Approach, values, values, lengths, rate=shares),
    st.builds(klr.Logarithmic, values, values, lengths),
    st.builds(klr.Exponential, values, positive, lengths, staircase=st.booleans()),
    st.builds(klr.InverseTime, values, positive, lengths, staircase=st.booleans()),
    st.builds(klr.InverseSqrt, values, lengths),
    st.builds(klr.Table, st.lists(values, min_size=1, max_size=9)),
    tables.map(lambda table: klr.Intervals(*table)),
    tables.map(lambda table: klr.Knots(*table)),
)


def compositions(members):
    pairs = st.lists(members, min_size=2, max_size=2)
    return st.one_of(
        st.builds(lambda m, b: klr.Sequence(m, [b]), pairs, lengths),
        st.builds(klr.Warmup, members, lengths),
        st.builds(klr.Warmup, members, lengths, start=values),
        st.builds(klr.Product, pairs),
        st.builds(klr.Sum, pairs),
        st.builds(klr.Clip, members, maximum=values),
        st.builds(klr.Delay, members, lengths),
        st.builds(klr.Skip, members, lengths),
        st.builds(klr.Staircase, members, lengths),
        st.builds(klr.Stretch, members, positive.map(lambda n: 2 * n)),
        st.builds(klr.Noise, members, scale=positive),
        st.builds(klr.Repeat, members, lengths, shrink=positive),
        st.builds(klr.Repeat, members, lengths, growth=st.sampled_from([1.0, 1.25, 2.0]), cycles=whole),
        st.builds(klr.Repeat, members, st.lists(lengths, min_size=2, max_size=4)),
    )


schedules = st.one_of(leaves, compositions(leaves), compositions(compositions(leaves)))


def same(one, other, steps=STEPS):
    np.testing.assert_allclose(one.values(steps), other.values(steps), rtol=1e-9, atol=1e-300)


@given(schedules)
def test_a_schedule_is_total(schedule):
    """It is finite and not negative at every step, the first value below 0, and the same by any way of asking."""
    found = schedule.values(STEPS)
    assert np.isfinite(found).all() and (found >= 0).all()
    np.testing.assert_array_equal(found[:3], found[3])
    np.testing.assert_array_equal([schedule.values([t])[0] for t in STEPS[::17]], found[::17])


@settings(max_examples=100)
@given(schedules)
def test_the_graph_computes_the_same(schedule):
    """Compiled, every schedule is its float64 formula, rounded to float32."""
    expected = schedule.values(STEPS)
    for compiler in compilers().values():
        np.testing.assert_allclose(to_numpy(compiler(schedule)(integers(STEPS))), expected, rtol=1.2e-7, atol=1e-37)


@settings(max_examples=200)
@given(lengths, st.integers(0, 12), st.integers(1, 13))
def test_periods(length, part, denominator):
    """Periods are counted, and the time inside one is measured, as exact fractions are."""
    times = [Fraction(int(t)) + Fraction(part % denominator, denominator) for t in [*range(300), 10**6 + 1, 2**31 - 2]]
    count, inside = Step(np.array(times, "float64")).cycle(length)
    expected = [time // length for time in times]
    np.testing.assert_array_equal(count, expected)
    remainders = [float(time - n * length) for time, n in zip(times, expected, strict=True)]
    np.testing.assert_allclose(inside.time, remainders, atol=1e-6 if denominator > 1 else 1e-15)


@given(schedules)
def test_many_values_are_those_of_each(schedule):
    """Values of many steps, in any shape, are what they are of each step alone."""
    steps = np.arange(2 * CHUNK + 2).reshape(2, -1)
    found = schedule.values(steps)
    np.testing.assert_array_equal(found.ravel(), schedule.values(steps.size))
    for t in (0, 7, CHUNK - 1, CHUNK, 2 * CHUNK + 1):
        assert found.ravel()[t] == schedule.values([t])[0]


@given(schedules, schedules, schedules, whole, whole)
def test_sequences(a, b, c, m, n):
    """A sequence of one is the member; sequences of sequences are one sequence."""
    same(klr.Sequence([a], []), a)
    same(klr.Sequence([a, klr.Sequence([b, c], [n])], [m]), klr.Sequence([a, b, c], [m, m + n]))
    same(klr.Sequence([klr.Sequence([a, b], [m]), c], [m + n]), klr.Sequence([a, b, c], [m, m + n]))


@given(schedules, schedules, schedules)
def test_arithmetic(a, b, c):
    """1 and 0 change nothing, order and brackets don't matter, and a product goes into a sum."""
    same(klr.Product([a, 1.0]), a)
    same(klr.Sum([a, 0.0]), a)
    same(klr.Product([a, b]), klr.Product([b, a]))
    same(klr.Sum([a, klr.Sum([b, c])]), klr.Sum([a, b, c]))
    same(klr.Product([a, klr.Product([b, c])]), klr.Product([a, b, c]))
    same(klr.Product([a, klr.Sum([b, c])]), klr.Sum([klr.Product([a, b]), klr.Product([a, c])]))


@given(schedules, values)
def test_ranges(a, limit):
    """To clip twice is to clip once; a range carried there and back is what it was."""
    clipped = klr.Clip(a, minimum=limit, maximum=1.0)
    same(klr.Clip(clipped, minimum=limit, maximum=1.0), clipped)
    there_and_back = klr.Rescale(
        klr.Rescale(klr.Sum([a, 1.0]), [5.0, 7.0], source=[1.0, 2.0]), [1.0, 2.0], source=[5.0, 7.0]
    )
    same(there_and_back, klr.Sum([a, 1.0]))


@given(schedules, whole)
def test_a_repeat_is_a_remainder(a, period):
    """What is repeated by a whole period is the schedule at the remainder, and twice the period is the same."""
    steps = np.arange(200)
    np.testing.assert_array_equal(klr.Repeat(a, period).values(steps), a.values(steps % period))
    same(klr.Repeat(klr.Repeat(a, period), 3 * period), klr.Repeat(a, period), steps)
    same(klr.Repeat(a, period, cycles=5), klr.Repeat(a, period), np.arange(5 * period))
    same(klr.Repeat(a, [period, period]), klr.Repeat(a, period), np.arange(2 * period))


@given(schedules, whole, whole, lengths, lengths)
def test_shifts(a, m, n, some, more):
    """Shifts add up, and one undoes the other."""
    same(klr.Skip(klr.Skip(a, some), more), klr.Skip(a, Fraction(some) + Fraction(more)))
    same(klr.Delay(klr.Delay(a, m), n), klr.Delay(a, m + n))
    same(klr.Skip(klr.Skip(a, m), n), klr.Skip(a, m + n))
    same(klr.Skip(klr.Delay(a, m), m), a)
    same(klr.Sequence([a, klr.Skip(a, m)], [m]), a)


@given(leaves, whole)
def test_a_stretched_schedule(a, ratio):
    """Stretched by a whole number it has its values at the multiples; by 1, or in stairs of 1, it is itself."""
    steps = np.arange(60)
    np.testing.assert_allclose(klr.Stretch(a, ratio).values(ratio * steps), a.values(steps), rtol=1e-9, atol=1e-300)
    same(klr.Stretch(a, 1), a)
    same(klr.Staircase(a, 1), a)
    stairs = klr.Staircase(a, ratio).values(steps)
    np.testing.assert_array_equal(stairs, a.values(steps - steps % ratio))


@given(values, values, st.lists(shares, min_size=1, max_size=4, unique=True).map(sorted), whole, shares)
def test_binding_goes_into_compositions(start, end, boundaries, steps_per_epoch, share):
    """To bind a composition is to bind its members."""
    known = {"steps_per_epoch": steps_per_epoch, "epochs": 3, "batch_size": 7}
    table = klr.Intervals([klr.fraction(b) for b in boundaries], [start, end, start, end, start][: len(boundaries) + 1])
    line = klr.Linear(start, end, steps=klr.epochs(share))
    for make in (
        lambda a, b: klr.Sequence([a, b], [50]),
        lambda a, b: klr.Product([a, klr.Warmup(b, 5)]),
        lambda a, b: klr.Repeat(klr.Sum([a, klr.Delay(b, 3)]), 17),
        lambda a, b: klr.Clip(klr.Skip(klr.Staircase(klr.Sum([a, b]), 4), 3), maximum=0.7),
    ):
        together, apart = make(table, line).bind(**known), make(table.bind(**known), line.bind(**known))
        assert together == apart
        same(together, apart)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
def test_short_runs(length):
    """Lengths of 1, 2 and 3 steps work: the start at 0, the end at the end, and nothing after it."""
    curves = [klr.Linear, klr.Polynomial, klr.Cosine, klr.Rex, klr.Approach, klr.Logarithmic]
    for curve in (*curves, lambda *a: klr.Hyperbolic(*a, horizon=a[2]), lambda *a: klr.CosineWaves(*a, waves=0.5)):
        found = curve(0.5, 0.25, length).values(3 * length + 3)
        np.testing.assert_allclose([found[0], *found[length:]], [0.5] + [0.25] * (2 * length + 3), rtol=1e-12)
        assert (np.diff(found) <= 1e-15).all()


@pytest.mark.parametrize("steps", [20, 37, 1000])
def test_policies_are_continuous_and_end(steps):
    """No policy jumps by more than its slope, and none changes after its end."""
    ends = {
        "one_cycle": klr.one_cycle(1.0, steps),
        "three phases": klr.one_cycle(1.0, steps, three_phase=True, curve=klr.Linear),
        "momentum": klr.one_cycle_momentum(steps),
        "cosine": klr.warmup_cosine(1.0, steps, warmup=0.25),
        "linear": klr.warmup_linear(1.0, steps, warmup=0.25),
        "wsd": klr.warmup_stable_decay(1.0, steps, warmup=0.25, decay=0.5),
        "slanted": klr.slanted_triangular(1.0, steps, warmup=0.25),
        "tri-stage": klr.tri_stage(1.0, steps, warmup=0.25, end=0.1),
        "flat": klr.flat_cosine(1.0, steps, decay=0.5),
        "cooldown": klr.cooldown(1.0, steps // 2, after=steps - steps // 2),
        "triangular": klr.Sequence([klr.triangular(0.1, 1.0, up=steps // 4), 0.1], [steps // 4 * 4]),
    }
    for name, schedule in ends.items():
        found = schedule.values(3 * steps)
        assert np.abs(np.diff(found)).max() < 10 / steps, name
        np.testing.assert_allclose(found[steps:], found[steps], rtol=1e-12, err_msg=name)


@given(leaves, lengths, st.builds(Fraction, st.integers(1, 90), st.integers(2, 7)))
def test_parts_of_a_step_are_kept(a, period, shift):
    """A schedule that is shifted by a part of a step, and counts periods of such parts, is off by none of it."""
    fine = 2520  # every fraction here is a whole number of these
    steps = np.arange(60)
    inside = [(Fraction(int(t)) + shift) % period for t in steps]
    expected = klr.Stretch(a, fine).values([int(t * fine) for t in inside])
    shifted = klr.Skip(klr.Repeat(a, period), shift)
    np.testing.assert_allclose(shifted.values(steps), expected, rtol=1e-9, atol=1e-300)
    longer = Fraction(period) * 3 / 2
    twice = klr.Repeat(klr.Repeat(a, period), longer)
    inside = [Fraction(int(t)) % longer % period for t in steps]
    expected = klr.Stretch(a, fine).values([int(t * fine) for t in inside])
    np.testing.assert_allclose(twice.values(steps), expected, rtol=1e-9, atol=1e-300)
