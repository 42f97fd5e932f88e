"""Every schedule of the table in `cases.py` through every check of the contract."""

import copy
import json
import math
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import LAST_STEP, NAME, compilers, integers, to_numpy
from cases import CASES

import keras_lr as klr

TINY = float(np.finfo("float32").tiny)  # below it, float32 has no digits to compare
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
# For what depends on the class and not on its numbers: the first row of each, and every one with a foreign member.
OF_EACH = {
    type(case.schedule) if "Foreign" not in repr(case.schedule) else name: name
    for name, case in reversed(CASES.items())
}
one_of_each = pytest.mark.parametrize("case", [CASES[name] for name in OF_EACH.values()], ids=OF_EACH.values())


def steps_of(case):
    near = [b + d for b in case.boundaries for d in (-1, 0, 1)]
    steps = {-3, 0, 1, 2, 7, 1000, 2**24, 2**24 + 1, 2**31 - 1, 2**31 + 5, 2**40 + 3, *near, *case.by_hand}
    random = np.random.default_rng(0).integers(0, max([100, *case.boundaries]), 50)
    return sorted(t for t in steps.union(random.tolist()) if t <= LAST_STEP)


def host_rtol(case):
    return 1e-6 if "Foreign" in repr(case.schedule) else 1e-9  # another library computes in float32 here too


def check(values, case, steps, rtol=1.2e-7):
    expected = np.array([case.formula(max(t, 0)) for t in steps])
    np.testing.assert_allclose(np.asarray(values, "float64").ravel(), expected, rtol=rtol, atol=TINY)


def test_every_schedule_has_a_row():
    """A schedule that is forgotten in the table is noticed."""
    public = {c for c in vars(klr).values() if isinstance(c, type) and issubclass(c, klr.Schedule)} - {klr.Schedule}
    assert public <= {type(case.schedule) for case in CASES.values()}


@every_case
def test_values_by_hand(case):
    """The values are those worked out with pen and paper, by numpy and in the backend."""
    steps = [t for t in case.by_hand if t <= LAST_STEP]
    expected = [case.by_hand[t] for t in steps]
    np.testing.assert_allclose(case.schedule.values(steps), expected, rtol=host_rtol(case), atol=TINY)
    np.testing.assert_allclose([float(case.schedule(t)) for t in steps], expected, rtol=1e-6, atol=TINY)


@every_case
def test_formula(case):
    """Every value is within 1e-6 of the formula in float64: below 0, at boundaries, past 2**24 and 2**31."""
    steps = steps_of(case)
    check(case.schedule.values(steps), case, steps, rtol=host_rtol(case))
    check(to_numpy(case.schedule(integers(steps))), case, steps)


@every_case
def test_compiled(case):
    """Compiled, with the step as an argument, the values are the same, for one step and for many."""
    steps = [t for t in steps_of(case) if t <= 2**31 - 1]
    for compiler in compilers().values():
        compiled = compiler(case.schedule)
        if "Keras" not in repr(case.schedule):
            check(to_numpy(compiled(integers(steps))), case, steps)
        some = steps[:: max(1, len(steps) // 6)]
        check([to_numpy(compiled(integers(t))) for t in some], case, some)


@one_of_each
def test_shape(case):
    """Steps of any shape give values of that shape, in float32."""
    for shape in [(), (1,), (4,), (2, 3), (0,)]:
        steps = np.arange(math.prod(shape)).reshape(shape)
        tensor = case.schedule(integers(steps))
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
        assert tuple(tensor.shape) == shape
        assert case.schedule.values(steps).shape == shape and case.schedule.values(steps).dtype == "float64"


@one_of_each
@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_floatx(case, floatx):
    """The values have the same digits whatever Keras' default float is, compiled or not."""
    if NAME == "torch" and "Foreign" in repr(case.schedule):
        return  # Keras' own schedules have the digits of floatx there
    before = keras.config.floatx()
    steps = steps_of(case)
    keras.config.set_floatx(floatx)
    try:
        check(to_numpy(case.schedule(integers(steps))), case, steps)
        for compiler in compilers().values():
            compiled = compiler(case.schedule)
            check([to_numpy(compiled(integers(t))) for t in case.by_hand], case, [*case.by_hand])
    finally:
        keras.config.set_floatx(before)


@one_of_each
def test_kinds_of_step(case):
    """The step may be a number, an array, a list, a float or Keras' own variable of the count."""
    expected = case.schedule.values(7)
    count = keras.Variable(7, dtype="int32", trainable=False)
    for step in (7, np.int64(7), np.int32(7), np.uint8(7), 7.0, np.float32(7.5), count, [7], integers(7)):
        np.testing.assert_allclose(to_numpy(case.schedule(step)).item(), case.schedule.values([7])[0], rtol=1e-6)
    assert len(expected) == 7


@every_case
def test_start_and_end_are_exact(case):
    """The first value is the start and the last one the end, to the last digit of a float32."""
    fields = vars(case.schedule)
    first, last = float(case.schedule(0)), float(case.schedule(2**31 - 1))
    if isinstance(case.schedule, klr.Linear | klr.Polynomial | klr.Cosine):
        assert first == np.float32(fields["start"])
        assert last == np.float32(fields["end"]) or fields["steps"] > 2**31
    if isinstance(case.schedule, klr.Exponential | klr.InverseTime):
        assert first == np.float32(fields["start"])


@every_case
def test_round_trips(case):
    """Config, JSON, pickle, copy and Keras' serialization give back an equal schedule of plain data."""
    schedule = case.schedule
    config = json.loads(json.dumps(schedule.get_config()))
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    again = [
        type(schedule).from_config(config),
        keras.saving.deserialize_keras_object(serialized),
        keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule)),
        pickle.loads(pickle.dumps(schedule)),
        copy.copy(schedule),
        copy.deepcopy(schedule),
    ]
    for other in again:
        assert type(other) is type(schedule)
        assert other == schedule and hash(other) == hash(schedule)
        assert other.get_config() == schedule.get_config()
        np.testing.assert_array_equal(other.values(50), schedule.values(50))
    assert serialized["registered_name"] == f"keras_lr>{type(schedule).__name__}"


@every_case
def test_frozen(case):
    """A schedule can't be changed, only made anew."""
    for name in case.schedule.get_config():
        with pytest.raises(AttributeError):
            setattr(case.schedule, name, 1)


def test_equality_is_by_value():
    """Two schedules are equal when class and arguments are."""
    assert klr.Linear(0.1, 0, steps=10) == klr.Linear(0.1, 0.0, steps=10)
    assert klr.Linear(0.1, 0.0, steps=10) != klr.Linear(0.1, 0.0, steps=11)
    assert klr.Polynomial(0.1, 0.0, steps=10) != klr.Linear(0.1, 0.0, steps=10)
    assert len({case.schedule for case in CASES.values()}) == len(CASES)


@every_case
def test_repr_is_an_expression(case):
    """The repr makes the schedule again, unless a member is not of this library."""
    if "Foreign" not in repr(case.schedule):
        names = {**vars(klr), "Fraction": __import__("fractions").Fraction}
        assert eval(repr(case.schedule), names) == case.schedule


@one_of_each
def test_saved_with_a_model(case, tmp_path):
    """A model is loaded without `custom_objects` and has the schedule and its step."""
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(case.schedule, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == float(model.optimizer.learning_rate) == float(case.schedule(5))
    assert keras.optimizers.schedules.serialize(loaded.optimizer._learning_rate) == (
        keras.optimizers.schedules.serialize(case.schedule)
    )
    model.save_weights(tmp_path / "model.weights.h5")
    loaded.optimizer.iterations.assign(0)
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert int(loaded.optimizer.iterations) == 5


def test_a_member_without_a_config():
    """A third-party schedule that can't be saved can be a member, and equals itself alone."""

    class Own(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * keras.ops.cast(step + 1, "float32")

    own = Own()
    schedule = klr.Warmup(own, steps=2)
    assert schedule == klr.Warmup(own, steps=2) != klr.Warmup(Own(), steps=2)
    np.testing.assert_allclose(schedule.values(4), [0.05, 0.1, 0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(float(schedule(3)), 0.2, rtol=1e-6)


def test_saved_for_another_process(tmp_path):
    """A fresh process that imports keras_lr loads every schedule by name."""
    serialized = {name: keras.saving.serialize_keras_object(case.schedule) for name, case in CASES.items()}
    (tmp_path / "schedules.json").write_text(json.dumps(serialized))
    code = (
        "import json, sys, keras, keras_lr;"
        "read = json.load(open(sys.argv[1]));"
        "print(json.dumps({n: keras.saving.deserialize_keras_object(s).values(20).tolist() for n, s in read.items()}))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "schedules.json")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name, values in json.loads(out.splitlines()[-1]).items():
        np.testing.assert_array_equal(values, CASES[name].schedule.values(20))


def test_a_million_values_at_once():
    """Bulk evaluation is one vectorised call."""
    table = klr.Table(np.linspace(0.1, 0.0, 10**6))
    np.testing.assert_allclose(table.values(10**6 + 5)[-6:], [0.0] * 6, atol=1e-300)
    assert float(table(500_000)) == np.float32(np.linspace(0.1, 0.0, 10**6)[500_000])
    assert len(repr(table)) < 200
    assert klr.Cosine(0.1, 0.0, steps=10**6).values(10**6).shape == (10**6,)


def test_steps_beyond_what_the_backend_counts():
    """A step that is a Python number may be any integer, also on JAX, which counts in int32."""
    assert float(klr.Linear(0.1, 0.0, steps=2**33)(2**32)) == np.float32(0.05)
    assert float(klr.Linear(0.1, 0.0, steps=10)(2**70)) == 0.0


def test_values_takes_integers_only():
    """`values` refuses steps that are not integers, by name and value."""
    with pytest.raises(ValueError, match=r"`steps` of `values` must be an integer or integers.*0\.5"):
        klr.Constant(0.1).values([0.5])
