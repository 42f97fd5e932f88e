"""Lengths as users say them: across units, as text, as fractions, of 0, and as parts of policies."""

import copy
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest

import keras_lr as klr

KNOWN = {"steps_per_epoch": 100, "epochs": 20, "batch_size": 32}


@pytest.mark.parametrize(
    ("length", "steps"),
    [
        (klr.epochs(10) - 500, 500),
        (1500 - klr.epochs(10), 500),
        (klr.epochs(2) + klr.examples(320) + 5, 215),
        (klr.fraction(0.5) - klr.epochs(1), 900),
        (2 * (klr.epochs(1) + 10), 220),
        (-klr.epochs(1) + klr.epochs(3), 200),
        (klr.epochs(1) - klr.epochs(1) + 7, 7),
        (klr.epochs(0.5) + 0.5, Fraction(101, 2)),
    ],
)
def test_arithmetic_across_units(length, steps):
    """Lengths add, subtract and scale, also across units; a number is steps."""
    assert length.bind(**KNOWN).steps == steps
    rate = klr.Linear(0.1, 0.0, steps=length)
    for schedule in (rate, rate.bind(**KNOWN)):
        again = klr.Linear.from_config(json.loads(json.dumps(schedule.get_config())))
        assert again == schedule == pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule)
        assert hash(again) == hash(schedule)
    np.testing.assert_allclose(rate.bind(**KNOWN).values([int(steps // 2)]), 0.1 * (1 - steps // 2 / steps), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("500 steps", 500),
        ("1 step", 1),
        ("20 epochs", 2000),
        ("1.5 epochs", 150),
        ("1 epoch", 100),
        ("60000 examples", 1875),
        ("60_000 examples", 1875),
        ("30 %", 600),
        ("30%", 600),
        (" 2  epochs ", 200),
    ],
)
def test_lengths_as_text(text, steps):
    """A string is a length, alone and among boundaries and periods, so that YAML and command lines can say it."""
    assert klr.Linear(0.1, 0.0, steps=text).bind(**KNOWN).values([steps - 1, steps])[1] == 0.0
    assert klr.Intervals([text], [0.1, 0.2]).bind(**KNOWN).values([steps - 1, steps]).tolist() == [0.1, 0.2]
    assert klr.Intervals(text, [0.1, 0.2]) == klr.Intervals([text], [0.1, 0.2])
    assert klr.Repeat(0.1, [text, "3 steps"]).bind(**KNOWN) == klr.Repeat(0.1, [text, 3]).bind(**KNOWN)
    assert klr.warmup_cosine(0.1, text, warmup=0).bind(**KNOWN).values([steps])[0] == 0.0


@pytest.mark.parametrize("text", ["", "500", "epochs", "-3 epochs", "3 weeks", "1e999999999 epochs", "130 %"])
def test_text_that_is_no_length(text):
    with pytest.raises((TypeError, ValueError), match="Argument `steps` of `Linear` must be an integer > 0 or a span"):
        klr.Linear(0.1, 0.0, steps=text)


def test_a_float_is_the_simple_fraction_that_it_is_nearest_to():
    """n/m of m steps is n, for every n and m: also 5/7 and 2/3, whose decimals are a little less."""
    for m in range(1, 120):
        for n in range(1, m + 1):
            assert klr.fraction(n / m).bind(steps_per_epoch=m, epochs=1).steps == n
    assert klr.Intervals(klr.fraction(5 / 7), [1.0, 0.5]).bind(steps_per_epoch=7, epochs=1).values([4, 5])[1] == 0.5
    for warmup in (20 / 300, Fraction(20, 300), klr.epochs(20)):
        rate = klr.warmup_cosine(0.1, klr.epochs(300), warmup=warmup).bind(steps_per_epoch=10)
        assert rate.values([199, 200, 2999, 3000]).tolist()[:2] == [0.1, 0.1] and rate.values([3000])[0] == 0.0
        assert rate.values([2999])[0] > 0


@pytest.mark.parametrize("warmup", [0.25, Fraction(1, 4), 500, "500 steps", "25 %", klr.epochs(5), klr.fraction(0.25)])
@pytest.mark.parametrize("steps", [2000, klr.epochs(20), "20 epochs", klr.fraction(1.0)])
def test_parts_of_policies(steps, warmup):
    """A part of a policy is a fraction of the whole or a length, in any unit, whatever the unit of the whole."""
    for policy, kwargs in (
        (klr.warmup_cosine, {}),
        (klr.warmup_linear, {}),
        (klr.one_cycle, {}),
        (klr.slanted_triangular, {}),
        (klr.warmup_stable_decay, {"decay": klr.epochs(2)}),
        (klr.tri_stage, {"decay": 0.1}),
    ):
        expected = policy(0.1, 2000, warmup=500, **(kwargs and {"decay": 200}))
        found = policy(0.1, steps, warmup=warmup, **kwargs).bind(**KNOWN)
        np.testing.assert_allclose(found.values(2100), expected.values(2100), rtol=1e-12)


def test_no_part():
    """A part of 0 is none, so that a sweep over warmups needs no other expression."""
    for none in (0, 0.0, "0 steps", klr.epochs(0)):
        rate = klr.warmup_cosine(0.1, klr.epochs(1), warmup=none).bind(steps_per_epoch=10)
        np.testing.assert_array_equal(rate.values(12), klr.Cosine(0.1, 0.0, 10).values(12))
    np.testing.assert_array_equal(klr.one_cycle(0.1, 9, warmup=0, end=0).values(9), klr.Cosine(0.1, 0, 9).values(9))
    np.testing.assert_array_equal(klr.flat_cosine(0.1, 9, decay=0).values(9), [0.1] * 9)
    np.testing.assert_array_equal(klr.warmup_stable_decay(0.1, 9, warmup=0, decay=0).values(9), [0.1] * 9)
    line = klr.Linear(0.4, 0.0, steps=4)
    for same in (klr.Warmup(line, 0), klr.Delay(line, 0), klr.Skip(line, 0), klr.Skip(line, klr.epochs(0))):
        same = same.bind(**KNOWN)
        np.testing.assert_array_equal(same.values(6), line.values(6))
        assert float(same(1)) == np.float32(0.3)


def test_too_long_parts():
    """Parts longer than the whole raise as soon as it is known, in terms of what the user wrote."""
    with pytest.raises(ValueError, match=r"Argument `warmup` of `warmup_cosine` must be shorter than `steps`, 20\."):
        klr.warmup_cosine(0.1, 20, warmup=20)
    with pytest.raises(
        ValueError, match=r"Argument `warmup` of `warmup_cosine` must be shorter than `steps`, epochs\(1"
    ):
        klr.warmup_cosine(0.1, klr.epochs(1), warmup=klr.epochs(2))
    rate = klr.warmup_cosine(0.1, klr.epochs(2), warmup=500)
    with pytest.raises(ValueError, match=r"`epochs\(2\) - 500 steps` is -300 with steps_per_epoch=100"):
        rate.bind(steps_per_epoch=100)


def test_spans_and_rates_that_are_none():
    """What makes no length or rate raises in one sentence."""
    with pytest.raises(TypeError, match="Spans are made by `epochs`, `examples` and `fraction`"):
        klr.Span(-1, "weeks")
    with pytest.raises(ValueError, match=r"A span has at most .* of epochs, examples, fraction, steps"):
        klr.Span({"weeks": Fraction(3)})
    with pytest.raises(ValueError, match="Argument `power` of `scale_rate` must be so small"):
        klr.scale_rate(0.1, batch_size=1000, power=1e10)


def test_curves_by_name():
    """Curves of policies have names; `1-sqrt` is that of Hägele et al. (2024)."""
    for name, curve in (("linear", klr.Linear), ("cosine", klr.Cosine)):
        assert klr.triangular(0.1, 0.5, up=3, curve=name) == klr.triangular(0.1, 0.5, up=3, curve=curve)
    found = klr.warmup_stable_decay(0.4, steps=1000, curve="1-sqrt").values([800, 850, 1000])
    np.testing.assert_allclose(found, [0.4, 0.2, 0.0], rtol=1e-12)
    found = klr.cooldown(0.4, steps=200, after=800, curve="1-sqrt").values([800, 850, 1000])
    np.testing.assert_allclose(found, [0.4, 0.2, 0.0], rtol=1e-12)


def test_cycles_of_a_polynomial():
    """With `cycle`, the curve ends at each multiple of `steps` and starts again, from lower and lower."""
    rate = klr.Polynomial(0.1, 0.01, steps=10, power=1.0, cycle=True)
    found = rate.values([0, 5, 10, 15, 20, 25, 30])
    expected = [0.1, 0.055, 0.01, 0.01 + 0.09 / 4, 0.01, 0.01 + 0.09 / 6, 0.01]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert rate.values([11])[0] == pytest.approx(0.01 + 0.09 * 9 / 20)


def test_restarts_with_a_warmup_in_each():
    """`sgdr` warms up in each cycle, in proportion to its length."""
    rate = klr.sgdr(0.4, period=10, growth=2, warmup=2)
    np.testing.assert_allclose(
        rate.values([0, 1, 2, 6, 10, 11, 12, 13, 14, 22]), [0.2, 0.4, 0.4, 0.2, 0.2, 0.3, 0.4, 0.4, 0.4, 0.2]
    )


def test_work_is_bounded():
    """Neither large counts, nor nesting, nor huge numbers in a config take time."""
    assert klr.Repeat(klr.Linear(1.0, 0.0, 99), 99, cycles=10**9).values([99 * 10**8])[0] == 1.0
    nested = klr.Linear(0.4, 0.0, 1)
    for period, growth in ((1, 1.3), (7, 1.2), (50, 1.1)):
        nested = klr.Repeat(nested, period, growth=growth)
    assert nested.values([0, 50])[1] == 0.4
    for config in ({"epochs": "1e999999999"}, {"steps": "1e999999999"}, {"sum": {"epochs": "9" * 10**6}}, {"weeks": 3}):
        with pytest.raises((TypeError, ValueError)):
            klr.Linear.from_config({"start": 0.1, "end": 0.0, "steps": config})
    for steps in (10**19, 10**400, 10**10_000):
        with pytest.raises(ValueError, match=r"Argument `steps` of `Linear` must be .* It is too long") as caught:
            klr.Linear(0.1, 0.0, steps=steps)
        assert len(str(caught.value)) < 500
