"""What is refused, and in which words."""

import inspect
import math
import re

import keras
import numpy as np
import pytest
from cases import CASES

import keras_lr as klr
from keras_lr.schedules import arguments

NUMBERS = [-0.1, math.nan, math.inf, -math.inf, "0.1", None, True, [0.1], 1j, object(), lambda t: t]
POSITIVE = [0, 0.0, *NUMBERS]
SPANS = [0, -1, 10**19, True, 1.5, 100.0, "100", None, [10], math.nan]
BAD = {
    "value": NUMBERS,
    "start": NUMBERS,
    "end": NUMBERS,
    "peak": NUMBERS,
    "steps": SPANS,
    "power": POSITIVE,
    "exponent": POSITIVE,
    "rate": POSITIVE,
    "staircase": [1, 0, "yes", None, [True]],
    "boundaries": [
        [0, 1],
        [2, 2],
        [3, 1],
        [1.5],
        ["1"],
        None,
        0,
        "12",
        klr.epochs(2, 1),
        [klr.epochs(1), klr.epochs(1)],
    ],
    "values": [[], [-0.1], [0.1, math.nan], ["0.1"], [None], None, "0.1", [[0.1]], [True, None], {0.1: 1}],
    "schedule": [None, "x", -1.0, math.nan, lambda t: 0.1, [0.1], True],
    "schedules": [[], [None], [-1.0], [lambda t: 0.1], None, "x"],
    "batches": [0, -1, 1.5, "2", None, True],
    "k": POSITIVE,
    "waves": POSITIVE,
    "lower": [math.nan, math.inf, "0.1", None, True, [0.1]],
    "upper": [math.nan, math.inf, "0.1", None, True, [0.1], -100.0],
    "horizon": SPANS,
    "interpolation": ["cubic", "", None, 1, True],
    "period": [0, -1, True, 1.5, "100", None, [], [0], [10, 1.5], math.nan],
    "growth": [0.9, *NUMBERS],
    "shrink": POSITIVE,
    "cycles": [0, -1, 1.5, "2", True],
    "minimum": [math.nan, -1.0, "x", True, [0.1]],
    "maximum": [math.nan, -1.0, "x", True, [0.1]],
    "source": [0.1, [0.1], [0.1, 0.2, 0.3], [0.1, -1.0], [0.1, math.nan], "ab", None, [0.1, 0.1]],
    "target": [0.1, [0.1], [0.1, 0.2, 0.3], [0.1, -1.0], [0.1, math.nan], "ab", None],
    "scale": [1.1, *POSITIVE],
    "seed": [-1, 1.5, "2", None, True],
    "ratio": POSITIVE,
    "cycle": [1, 0, "yes", None, [True]],
}
OPTIONAL = {
    (klr.Exponential, "end"),
    (klr.Warmup, "start"),
    (klr.Repeat, "cycles"),
    (klr.Clip, "minimum"),
    (klr.Clip, "maximum"),
}
POLICIES = (klr.one_cycle, klr.warmup_cosine, klr.warmup_linear, klr.warmup_stable_decay, klr.tri_stage)
FUNCTIONS = [getattr(klr, name) for name in klr.__all__ if "policies" in getattr(klr, name).__module__]
CLASSES = {type(case.schedule): case.schedule for case in CASES.values()}


def cls_may_be_zero(cls):
    return getattr(cls, "may_be_zero", ())


def rejections():
    for cls, instance in CLASSES.items():
        for name in instance.get_config():
            for value in BAD[name]:
                allowed = (value is None and (cls, name) in OPTIONAL) or (value == 0 and name in cls_may_be_zero(cls))
                if not allowed:
                    yield pytest.param(instance, name, value, id=f"{cls.__name__}-{name}-{str(value)[:20]}")


@pytest.mark.parametrize(("instance", "name", "value"), list(rejections()))
def test_rejection(instance, name, value):
    """A bad value is refused at construction by argument, class, rule and value."""
    arguments = {key: getattr(instance, key) for key in instance.get_config()} | {name: value}
    with pytest.raises((ValueError, TypeError)) as caught:
        type(instance)(**arguments)
    message = str(caught.value)
    assert re.match(rf"Argument `{name}` of `{type(instance).__name__}` must be .+\. Received: {name}=", message)
    assert "\n" not in message and len(message) < 500


def test_every_word_of_a_schedule_is_in_the_dictionary():
    """An argument of a public schedule has one meaning and one rule."""
    names = {name for cls in CLASSES for name in CLASSES[cls].get_config()}
    assert names == set(BAD)
    functions = (*FUNCTIONS, klr.PlateauReducer)
    elsewhere = {name for function in functions for name in inspect.signature(function).parameters}
    assert names <= set(arguments.RULES) <= names | elsewhere  # none is missing, and none is unused
    assert all(rule.rule for rule in arguments.RULES.values())


def test_options_are_keyword_only():
    """Required arguments come first, options must be named."""
    for cls in CLASSES:
        for parameter in inspect.signature(cls).parameters.values():
            optional = parameter.default is not inspect.Parameter.empty
            assert optional == (parameter.kind is inspect.Parameter.KEYWORD_ONLY), (cls, parameter)


def test_numbers_of_values_and_boundaries_match():
    """The rules between arguments are checked at construction, too."""
    with pytest.raises(ValueError, match=r"`values` of `Intervals` must be one more than the 2 `boundaries`"):
        klr.Intervals([1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"`boundaries` of `Sequence` must be one fewer than the 2 `schedules`"):
        klr.Sequence([0.1, 0.2], boundaries=[])


def test_what_is_accepted():
    """Numbers of numpy, lists, arrays, ranges and single values are taken for what they mean."""
    assert klr.Constant(np.float32(0.5)) == klr.Constant(np.array(0.5)) == klr.Constant(0.5)
    assert klr.Linear(1, 0, steps=np.int64(3)) == klr.Linear(1.0, 0.0, steps=3)
    assert klr.Intervals(np.array([1, 2]), np.array([3, 2, 1])) == klr.Intervals([1, 2], (3.0, 2.0, 1.0))
    assert klr.Intervals(range(1, 3), [3, 2, 1]) == klr.Intervals([1, 2], [3, 2, 1])
    assert klr.Intervals(klr.epochs(3), [1, 0]) == klr.Intervals([klr.epochs(3)], [1, 0])
    assert klr.Warmup(0.1, steps=3) == klr.Warmup(klr.Constant(0.1), steps=3)


def test_the_data_stays_readable():
    """The argument `values` can be read as data and called as the method that it hides."""
    schedule = klr.Intervals([2], [0.1, 0.01])
    assert schedule.values == (0.1, 0.01) and schedule.values[1] == 0.01
    np.testing.assert_array_equal(schedule.values(3), [0.1, 0.1, 0.01])
    np.testing.assert_array_equal(klr.Schedule.values(schedule, 3), [0.1, 0.1, 0.01])


def test_policies_refuse():
    """Policies check what they compose with in the same words."""
    for policy in POLICIES:
        for warmup in (1.0, -0.1, -2, "x", math.nan, True, 11, "12 steps"):
            with pytest.raises((TypeError, ValueError), match=rf"`(warmup|decay)` of `{policy.__name__}` must be"):
                policy(0.1, steps=10, warmup=warmup)
        for steps in (0, 1, -5):
            with pytest.raises(ValueError, match=f"`steps` of `{policy.__name__}`"):
                policy(0.1, steps=steps)
        for peak in (-1.0, math.nan, "x"):
            with pytest.raises((TypeError, ValueError), match=f"`peak` of `{policy.__name__}`"):
                policy(peak, steps=10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: klr.Clip(0.1), "`minimum` of `Clip` must be given, or `maximum`"),
        (lambda: klr.Clip(0.1, minimum=0.2, maximum=0.1), "`minimum` of `Clip` must be at most `maximum`"),
        (lambda: klr.Approach(0.1, 0.0, 5, rate=1.0), "`rate` of `Approach` must be a number > 0, not 1"),
        (lambda: klr.Hyperbolic(0.1, 0.2, 5, 5), "`end` of `Hyperbolic` must be at most `start`"),
        (lambda: klr.Hyperbolic(0.1, 0.0, 5, 4), "`horizon` of `Hyperbolic` must be at least `steps`"),
        (lambda: klr.ExpHyperbolic(0.1, 0.0, 5, 5), "`end` of `ExpHyperbolic` must be > 0 and at most `start`"),
        (lambda: klr.Tanh(0.1, 0.0, 5, lower=1, upper=1), "`upper` of `Tanh` must be above `lower`"),
        (lambda: klr.Knots([1, 2], [0.1, 0.2]), "`values` of `Knots` must be one more than the 2 `boundaries`"),
        (lambda: klr.Repeat(0.1, [3, 4], growth=2), "`period` of `Repeat` must be a single one"),
        (lambda: klr.Repeat(0.1, 1, growth=1 + 1e-9), "`cycles` of `Repeat` must be at most 100,000"),
        (
            lambda: klr.warmup_stable_decay(0.1, 9, warmup=0.5, decay=0.6),
            "`decay` of `warmup_stable_decay` must be shorter than `steps`, 9 less `warmup`, 0.5",
        ),
        (
            lambda: klr.one_cycle(0.1, 9, warmup=0.5, three_phase=True),
            "`warmup` of `one_cycle` must be > 0 and below 0.5",
        ),
        (
            lambda: klr.one_cycle(0.1, 9, curve="cosinus"),
            "`curve` of `one_cycle` must be .linear., .cosine., .1-sqrt., or a",
        ),
        (lambda: klr.multi_step(0.1, 1.5, [3]), "`factor` of `multi_step` must be a number > 0 and < 1"),
        (lambda: klr.cooldown(0.1, 5, after=0), "`after` of `cooldown` must be an integer > 0 or a span"),
        (lambda: klr.scale_rate(0.1, 0), "`batch_size` of `scale_rate` must be an integer > 0"),
        (lambda: klr.triangular(0.1, 0.2, up=0), "`up` of `triangular` must be an integer > 0 or a span"),
        (lambda: klr.noam(0.1, 0), "`steps` of `noam` must be an integer > 0 or a span"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_rules_between_arguments(make, message):
    """What goes wrong only together, or in a policy, is refused as early and as clearly."""
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_own_schedule():
    """A schedule of one's own gets the contract, with arguments of any plain kind."""

    @klr.schedule(package="tests")
    class Wave(klr.Schedule):
        start: float
        period: int
        style: str = "sine"

        def check(self):
            if self.style not in ("sine", "square"):
                arguments.reject(self, "style", '"sine" or "square"', self.style)

        def at(self, step):
            return self.start * (1 + step.ops.sin(step.time * (2 * math.pi / self.period)))

    wave = Wave(0.5, period=4)
    np.testing.assert_allclose(wave.values(4), [0.5, 1.0, 0.5, 0.0], atol=1e-15)
    assert float(wave(1)) == 1.0
    serialized = keras.saving.serialize_keras_object(klr.Warmup(wave, steps=2))
    assert "tests>Wave" in str(serialized)
    assert keras.saving.deserialize_keras_object(serialized) == klr.Warmup(wave, steps=2)
    assert eval(repr(wave), {"Wave": Wave}) == wave
    for bad in ({"style": "saw"}, {"start": lambda t: t}, {"start": math.nan}, {"period": object()}):
        with pytest.raises((TypeError, ValueError), match=f"`{next(iter(bad))}` of `Wave` must be"):
            Wave(**({"start": 0.5, "period": 4} | bad))


def test_the_decorator_refuses():
    """What has no formula is no schedule."""
    for cls in (type("NoSchedule", (), {}), type("NoFormula", (klr.Schedule,), {}), 3):
        with pytest.raises(TypeError, match=r"`@schedule` takes a subclass of `Schedule` that defines `at"):
            klr.schedule(cls)


def test_missing_arguments():
    """Too few arguments are Python's own error, which names the policy."""
    with pytest.raises(TypeError, match=r"one_cycle\(\) missing"):
        klr.one_cycle(peak=0.1)
