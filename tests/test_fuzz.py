"""Arguments of any kind: each is either refused in one sentence, or leads to finite values on which all agree."""

import inspect
import itertools
import json
import os
import pickle
import time
import traceback
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest import mock

import keras
import matplotlib.pyplot as plt
import numpy as np
from backends import compilers, integers, to_numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_lr as klr
from keras_lr.finder import find
from keras_lr.schedules import arguments
from keras_lr.schedules.exact import LARGEST

# More examples, other ones each time: KERAS_LR_FUZZ=2000 pytest tests/test_fuzz.py
EXAMPLES = int(os.environ.get("KERAS_LR_FUZZ", 0))
settings.register_profile(
    "fuzz", derandomize=not EXAMPLES, deadline=None, max_examples=EXAMPLES or 150, database=None, print_blob=True
)
fuzz = settings.get_profile("fuzz")

PACKAGE = str(Path(klr.__file__).parent)
LONGEST_TEXT = 600
SECONDS = 20.0
STEPS = np.array([0, 1, 2, 3, 5, 99, 10**6, 2**31 - 1])
KNOWN = {"steps_per_epoch": 7, "epochs": 3, "batch_size": 8}


def nested(levels):
    value = [0.1]
    for _ in range(levels):
        value = [value]
    return value


def hostile_repr():
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no text")

    return Hostile()


# Functions, since a generator is used up by the first who reads it.
ZOO = {
    **{
        repr(number): lambda number=number: number
        for number in (0, 1, 2, 3, 10, -1, 0.0, -0.0, 0.1, 0.5, 1.0, 1.5, -0.1)
    },
    **{repr(number): lambda number=number: number for number in (1e-9, 1e9, 1e38, 1e39, 1e300, 1e308, 5e-324, 1e-300)},
    **{f"2**{n}": lambda n=n: 2**n for n in (31, 53, 62, 63, 70, 1024)},
    "10**18": lambda: 10**18,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "10**5000": lambda: 10**5000,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: -float("inf"),
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "complex": lambda: 1 + 2j,
    "Decimal": lambda: Decimal("0.1"),
    "Fraction": lambda: Fraction(2, 7),
    "fine Fraction": lambda: Fraction(10**400 + 1, 10**400),
    "tiny Fraction": lambda: Fraction(1, 10**400),
    "'x'": lambda: "x",
    "''": lambda: "",
    "'adam'": lambda: "adam",
    "'linear'": lambda: "linear",
    "'learning_rate'": lambda: "learning_rate",
    "'20 epochs'": lambda: "20 epochs",
    "'30 %'": lambda: "30 %",
    "'0 steps'": lambda: "0 steps",
    "'999 Z'": lambda: "9" * 1000,
    "long text": lambda: "text\n" * 100_000,
    "bytes": lambda: b"0.1",
    "long bytes": lambda: b"\0" * 10**6,
    "{}": dict,
    "dict": lambda: {"steps": 3, 4: [5]},
    "large dict": lambda: {n: str(n) for n in range(10**5)},
    "set": lambda: {0.1, 0.2},
    "[]": list,
    "()": tuple,
    "[None]": lambda: [None],
    "[0.1]": lambda: [0.1],
    "[1, 2]": lambda: [1, 2],
    "[0.1, 0.2, 0.3]": lambda: [0.1, 0.2, 0.3],
    "[1, 2, 2]": lambda: [1, 2, 2],
    "[1, '20 epochs']": lambda: [1, "20 epochs"],
    "[0.1, nan]": lambda: [0.1, float("nan")],
    "[1e308]": lambda: [1e308, 1e308, 1e308],
    "['x', 1]": lambda: ["x", 1],
    "[[1], [2, 3]]": lambda: [[1], [2, 3]],
    "10**5 numbers": lambda: list(range(10**5)),
    "10**5 texts": lambda: ["x" * 10] * 10**5,
    "nested 30": lambda: nested(30),
    "nested 1000": lambda: nested(1000),
    "nested 100000": lambda: nested(10**5),
    "range": lambda: range(1, 3),
    "generator": lambda: (n for n in (1, 2)),
    "endless": lambda: itertools.count(1),
    "empty array": lambda: np.array([]),
    "array": lambda: np.array([0.1, 0.2]),
    "float16 0-d": lambda: np.array(0.1, "float16"),
    "complex array": lambda: np.array([0.1j]),
    "bool array": lambda: np.array([True]),
    "object array": lambda: np.array([None, "x"], dtype=object),
    "text array": lambda: np.array(["0.1"]),
    "2-d array": lambda: np.ones([2, 2], "int8"),
    "large array": lambda: np.zeros([1000, 1000]),
    "date": lambda: np.datetime64("2020-01-01"),
    "int64": lambda: np.int64(3),
    "uint64": lambda: np.uint64(2**64 - 1),
    "longdouble": lambda: np.longdouble("1e400"),
    "lambda": lambda: lambda *args: 0.1,
    "raising function": lambda: lambda *args: 1 / 0,
    "class": lambda: klr.Linear,
    "function returning x": lambda: lambda start, end, steps: "x",
    "object": object,
    "Hostile": hostile_repr,
    "Dense": lambda: DENSE,
    "model": lambda: MODEL,
    "Variable": lambda: keras.Variable(0.1),
    "tensor": lambda: keras.ops.convert_to_tensor([1.0, 2.0]),
    "KerasTensor": lambda: keras.KerasTensor([3]),
    "Keras' schedule": lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
    "optimizer": lambda: keras.optimizers.SGD(0.1),
    "rule": klr.AdaptiveMomentum,
    "schedule": lambda: klr.Linear(0.4, 0.1, 5),
    "large schedule": lambda: klr.Constant(3e38),
    "unbound schedule": lambda: klr.Linear(0.4, 0.1, klr.epochs(2)),
    "long schedule": lambda: klr.Table(np.linspace(0, 1, 5000)),
    "[schedule, 0.1]": lambda: [klr.Linear(0.4, 0.1, 5), 0.1],
    "large schedules": lambda: [klr.Constant(3e38)] * 40,
    "epochs(2)": lambda: klr.epochs(2),
    "epochs(1, 2)": lambda: klr.epochs(1, 2),
    "epochs(0)": lambda: klr.epochs(0),
    "fraction(0.3)": lambda: klr.fraction(0.3),
    "examples(1e18)": lambda: klr.examples(10**18),
    "mixed span": lambda: klr.epochs(2) - 3,
    "negative span": lambda: klr.epochs(1) - 100,
    "bound span": lambda: klr.epochs(2).bind(steps_per_epoch=3),
}
DENSE = keras.layers.Dense(1)
MODEL = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
MODEL.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5), loss="mse")

# Arguments that are right, by name.
GOOD = {
    "value": 0.1,
    "start": 0.4,
    "end": 0.1,
    "peak": 0.8,
    "rate": 0.5,
    "steps": 10,
    "horizon": 12,
    "boundaries": [3, 5],
    "values": [0.1, 0.2, 0.3],
    "schedule": 0.1,
    "schedules": [0.1, 0.2, 0.3],
    "period": 4,
    "batches": 2,
    "batch_size": 8,
    "target": [0.95, 0.85],
    "source": [0.0, 1.0],
    "scale": 0.5,
    "waves": 1.5,
    "power": 2.0,
    "ratio": 2.0,
    "factor": 0.5,
    "minimum": 0.05,
    "maximum": 0.4,
    "after": 3,
    "up": 3,
}
CALLED = {"curve": {"raising function", "Dense", "model"}}  # what these raise is theirs
RIGHT = {klr.SutskeverMomentum: {"peak": 0.9}, klr.sgdr: {"end": 0.0}}
SCHEDULES = [
    made
    for name in klr.__all__
    if inspect.isclass(made := getattr(klr, name)) and issubclass(made, klr.Schedule) and made is not klr.Schedule
]
POLICIES = [getattr(klr, name) for name in klr.__all__ if "policies" in getattr(klr, name).__module__]


def outcome(call, *names):
    """What a call returns; `None` if it raises an error that is as it should be: about one of the arguments `names`."""
    begin = time.perf_counter()
    try:
        made = call()
    except Exception as error:
        assert type(error) in (ValueError, TypeError), repr(error)
        text = str(error)
        assert "\n" not in text and len(text) <= LONGEST_TEXT, text[:1000]
        assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__), text
        where = traceback.extract_tb(error.__traceback__)[-1].filename
        assert where.startswith(PACKAGE), f"{where}: {error!r}"
        assert not names or any(name in text for name in names), text
        made = None
    assert time.perf_counter() - begin < SECONDS
    return made


def check_schedule(schedule, compiled=False):
    """Finite, and the same for numpy, eagerly, compiled, and after a config, JSON and pickle."""
    serialized = json.dumps(keras.saving.serialize_keras_object(schedule), allow_nan=False)
    assert keras.saving.deserialize_keras_object(json.loads(serialized)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert len(repr(schedule)) < 10_000
    if not schedule.is_bound:
        schedule = outcome(lambda: schedule.bind(**KNOWN))
        if schedule is None:
            return
    begin = time.perf_counter()
    found = schedule.values(STEPS)
    assert np.isfinite(found).all() and (found >= 0).all() and (found <= LARGEST).all(), schedule
    ways = [schedule] + [compiler(schedule) for compiler in compilers().values()] * compiled
    for way in ways:
        np.testing.assert_allclose(to_numpy(way(integers(STEPS))), found, rtol=1.2e-7, atol=1e-37, err_msg=schedule)
    assert time.perf_counter() - begin < SECONDS * len(ways)


@st.composite
def calls(draw, functions, most=2):
    """A function, its right arguments, and names of entries in the zoo for one or two of them."""
    function = draw(st.sampled_from(functions))
    parameters = inspect.signature(function).parameters.values()
    right = GOOD | RIGHT.get(function, {})
    good = {one.name: right[one.name] for one in parameters if one.default is inspect.Parameter.empty}
    names = [one.name for one in parameters]
    wrong = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(list(ZOO)), min_size=1, max_size=most))
    return function, good, {name: key for name, key in wrong.items() if key not in CALLED.get(name, ())}


@fuzz
@given(calls(SCHEDULES + POLICIES))
def test_schedules_and_policies(call):
    """Whatever a schedule or policy is made of, it is refused, or is a schedule as every other."""
    function, good, wrong = call
    names = {*good, *wrong, *inspect.signature(function).parameters}
    made = outcome(lambda: function(**(good | {name: ZOO[key]() for name, key in wrong.items()})), *names)
    if isinstance(made, klr.Schedule):
        check_schedule(made)


values = st.sampled_from([0.0, 5e-324, 1e-300, 1e-38, 0.1, 1.0, 1e9, 3e38, LARGEST])
positive = st.sampled_from([5e-324, 1e-300, 1e-9, 0.5, 1.0, 1.5, 1e9, 1e300, 1.7e308])
sizes = st.sampled_from([1e-18, 1e-9, 1 / 3, 1.0, 1e9, 1e18])
lengths = st.sampled_from([Fraction(1, 10**18), Fraction(1, 3), 1, 7, 10**9, 10**18])
LIMITS = {"scale": st.sampled_from([5e-324, 1.0]), "growth": st.sampled_from([1.0, 2.0, 1.7e308])}


def extremes(cls, members):
    """Instances of a class of schedules whose arguments are near the ends of their ranges."""
    by_rule = {
        arguments.VALUE: values,
        arguments.POSITIVE: positive,
        arguments.SIZE: sizes,
        arguments.LENGTH: lengths,
        arguments.PAIR: st.tuples(values, values),
    }
    by_name = {name: by_rule[arguments.RULES[name]] for name in GOOD if arguments.RULES[name] in by_rule} | LIMITS
    by_name |= {"schedule": members, "schedules": st.lists(members, min_size=3, max_size=3)}
    names = [name for name in inspect.signature(cls).parameters if name in by_name or name in GOOD]
    return st.fixed_dictionaries({name: by_name.get(name, st.just(GOOD.get(name))) for name in names}).map(
        lambda given: outcome(lambda: cls(**(given | RIGHT.get(cls, {}))))
    )


leaves = st.sampled_from(SCHEDULES).flatmap(lambda cls: extremes(cls, values)).filter(lambda made: made is not None)
compositions = (
    st.sampled_from(SCHEDULES).flatmap(lambda cls: extremes(cls, leaves)).filter(lambda made: made is not None)
)


@fuzz
@given(compositions)
def test_extreme_arguments(schedule):
    """The smallest and largest arguments together lead to finite values, too."""
    check_schedule(schedule)


@settings(fuzz, max_examples=12 + EXAMPLES // 10)
@given(compositions)
def test_extreme_arguments_in_a_graph(schedule):
    """So they do in a compiled function."""
    check_schedule(schedule, compiled=True)


def test_work_is_bounded():
    """What would take hours is refused, or takes no time."""
    line = klr.Linear(0.4, 0.0, 1)
    check_schedule(klr.Repeat(0.1, 99, cycles=10**9))
    check_schedule(klr.Repeat(klr.Repeat(klr.Repeat(line, 1, growth=1.3), 7, growth=1.2), 50, growth=1.1))
    for growth in (1 + 1e-9, 1 + 5e-16):
        assert outcome(lambda growth=growth: klr.Repeat(line, 1, growth=growth), "cycles") is None
    assert outcome(lambda: line.values(10**15), "steps") is None
    np.testing.assert_array_equal([float(line(n)) for n in (2**70, 10**400, 1e300)], 0.0)


def sgd():
    return keras.optimizers.SGD(0.1, momentum=0.5, weight_decay=0.1)


LINE, SPANNED = klr.Linear(0.4, 0.1, 5), klr.Linear(0.4, 0.1, klr.epochs(2))
RATES = np.geomspace(0.1, 1.0, 9)
# Functions of arguments by name, and which of them are right. In an error a function has its last name.
FUNCTIONS = {
    "epochs": (lambda amount: klr.epochs(amount), {"amount": 2}),
    "examples": (lambda amount: klr.examples(amount), {"amount": 2}),
    "fraction": (lambda amount: klr.fraction(amount), {"amount": 0.5}),
    "bind": (SPANNED.bind, KNOWN),
    "values": (LINE.values, {"steps": 3}),
    "schedule": (LINE, {"step": 3}),
    "plot": (LINE.plot, {"steps": 3}),
    "scheduled": (klr.scheduled, {"optimizer": sgd, "correct_bias": None, "momentum": 0.3, "learning_rate": LINE}),
    "set_learning_rate": (klr.set_learning_rate, {"model_or_optimizer": sgd, "value": 0.1}),
    "layerwise": (klr.layerwise, {"model": MODEL, "optimizer": sgd, "factors": {"dense.*": 0.5}, "decay": 0.5}),
    "resume_at": (klr.resume_at, {"model": MODEL, "epoch": 3, "steps_per_epoch": 4}),
    "RangeTest.of": (
        klr.RangeTest.of,
        {"rates": RATES, "runs": [np.linspace(2, 1, 9)], "hyperparameter": "learning_rate"},
    ),
    "find_learning_rate": (
        lambda **arguments: klr.find_learning_rate(x=np.ones([4, 1]), y=np.ones([4]), verbose=0, **arguments),
        {"model": MODEL, "minimum": 0.1, "maximum": 1.0, "steps": 3, "repeats": 1, "hyperparameter": "learning_rate"},
    ),
    "AdaptiveMomentum": (klr.AdaptiveMomentum, {"start": 0.0, "usual": 0.9, "peak": 0.99}),
    "Prodigy": (klr.Prodigy, {"schedule": LINE, "initial": 1e-6}),
    "DAdaptation": (klr.DAdaptation, {"schedule": LINE, "initial": 1e-6}),
    "DoWG": (klr.DoWG, {"schedule": LINE, "initial": 1e-2}),
    "AdaptiveMomentumRamp": (
        klr.AdaptiveMomentumRamp,
        {"start": 0.0, "usual": 0.9, "peak": 0.99, "hyperparameter": "auto"},
    ),
    "BindSpans": (klr.BindSpans, {"steps_per_epoch": 3, "batch_size": 4, "restart": False}),
    "EpochIntervalSwitcher": (
        klr.EpochIntervalSwitcher,
        {"boundaries": [2, 3], "values": [0.1, 0.2, 0.3], "hyperparameter": "momentum"},
    ),
    "EpochSchedule": (klr.EpochSchedule, {"schedule": LINE, "hyperparameter": "momentum"}),
    "LiveControl": (klr.LiveControl, {"path": "control.json", "every": 2, "verbose": 0}),
    "Monitor": (klr.Monitor, {"log_dir": None}),
}


@fuzz
@given(st.sampled_from([(name, argument) for name in FUNCTIONS for argument in FUNCTIONS[name][1]]), st.data())
def test_functions_and_callbacks(which, data):
    """What a function or callback is given is refused, or taken."""
    name, argument = which
    key = data.draw(st.sampled_from(list(ZOO)))
    function, good = FUNCTIONS[name]
    right = {other: value() if value is sgd else value for other, value in good.items()}
    with mock.patch.object(find, "sweep", lambda model, name, rates, *rest: np.ones(len(rates))):
        outcome(lambda: function(**(right | {argument: ZOO[key]()})), argument, name, "epochs", *good)
    if name == "plot":
        plt.close("all")
