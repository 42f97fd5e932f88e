"""The value at a single step, asked eagerly: on torch it is taken from a window of values, which nobody may notice."""

import copy
import pickle
import sys
import threading
import warnings
from fractions import Fraction

import keras
import numpy as np
import pytest
from backends import LAST_STEP, NAME, integers, to_numpy
from models import applied, ones, rate_meter

import keras_lr as klr
from keras_lr.schedules.evaluation import WINDOW as SIZE
from keras_lr.schedules.ops import NUMPY

torch_alone = pytest.mark.skipif(NAME != "torch", reason="only torch trains eagerly")

RATES = {
    "cosine": klr.Cosine(0.1, 0.01, steps=3 * SIZE),
    "one cycle": klr.one_cycle(0.1, steps=2 * SIZE + 1),
    "growing cycles": klr.Repeat(klr.Knots([5, 10], [0.0, 0.1, 0.0]), 10, growth=2.0),
    "sequence": klr.Sequence([klr.Linear(0.1, 0.0, steps=SIZE), klr.Constant(0.2)], boundaries=[SIZE]),
    "parts of steps": klr.Intervals(klr.epochs(1, 2), [1.0, 0.1, 0.01]).bind(steps_per_epoch=Fraction(2 * SIZE + 1, 2)),
    "noise": klr.Noise(0.1, scale=0.5, seed=1),
    "table": klr.Table(np.linspace(0.1, 0.01, SIZE + 1)),
}
BORDERS = [near + off for near in (-SIZE, 0, SIZE, 2 * SIZE) for off in (-1, 0, 1)]
HUGE = [2**24 + 1, 2**31 - 1, 2**31, 2**40 + SIZE - 1, 2**63 - 1]


def fresh(schedule):
    return pickle.loads(pickle.dumps(schedule))


@pytest.mark.parametrize("rate", RATES.values(), ids=RATES.keys())
def test_pure(rate):
    """The value depends on the step alone: not on what was asked before, nor on how the step is given."""
    steps = [t for t in BORDERS + HUGE if t <= LAST_STEP]
    ahead, back = fresh(rate), fresh(rate)
    values = [float(ahead(integers(t))) for t in steps]
    np.testing.assert_allclose(values, rate.values(steps), rtol=1e-6, atol=1e-37)
    assert [float(back(integers(t))) for t in reversed(steps)] == values[::-1]
    for t, value in zip(steps[::4], values[::4], strict=True):
        count = keras.Variable(integers(t), dtype=keras.backend.standardize_dtype(integers(t).dtype), trainable=False)
        assert value == float(fresh(rate)(count)) == float(ahead(t)) == float(ahead(np.int64(t)))


def test_int32_and_int64():
    """The last steps of int32 do not wrap, and are those of int64."""
    rate = fresh(RATES["growing cycles"])
    for t in (-3, 7, 2**31 - 2, 2**31 - 1):
        narrow = rate(keras.ops.convert_to_tensor(t, dtype="int32"))
        np.testing.assert_allclose(float(narrow), rate.values([t])[0], rtol=1e-6)
        assert float(narrow) == float(rate(integers(t)))


def test_a_fit_over_many_windows():
    """The updates of a long `fit` sum up to the values of its steps."""
    rate = klr.one_cycle(0.1, steps=2 * SIZE)
    model = rate_meter(keras.optimizers.SGD(rate), jit_compile=False)
    steps = 2 * SIZE + 5
    model.fit(*ones(steps), batch_size=1, verbose=0)
    np.testing.assert_allclose(applied(model), rate.values(steps).sum(), rtol=1e-5)


def test_threads():
    """Two threads that share a schedule get the values of their own steps."""
    rate, rounds = klr.Table(np.arange(3 * SIZE)), 4_000 if NAME == "torch" else 40
    wrong = []

    def train(first):
        for k in range(rounds):
            t = first + k % 3 * SIZE  # each time in another window
            if float(rate(t)) != t:
                wrong.append(t)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=train, args=[first]) for first in (3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_still_plain_data():
    """A schedule that was asked is the same data as before."""
    rate = klr.warmup_cosine(0.1, steps=100)
    before = pickle.dumps(rate), rate.get_config(), hash(rate), repr(rate)
    rate(5)
    assert (pickle.dumps(rate), rate.get_config(), hash(rate), repr(rate)) == before
    assert copy.deepcopy(rate) == rate == fresh(rate) == klr.warmup_cosine(0.1, steps=100)
    assert float(copy.deepcopy(rate)(6)) == float(rate(6))


def test_one_step_in_an_array():
    """An array of one step gives an array of one value."""
    assert tuple(RATES["cosine"](integers([5])).shape) == (1,)


def test_vectorized():
    """Vectorised over steps, the values are those of each."""
    steps = np.array([3, SIZE - 1, SIZE, 0])
    for rate in (RATES["one cycle"], RATES["growing cycles"]):
        rate(3)
        np.testing.assert_allclose(
            to_numpy(keras.ops.vectorized_map(rate, integers(steps))), rate.values(steps), rtol=1e-6
        )


def test_stateless_scope():
    """In a stateless scope the step of a variable is the one of the scope."""
    rate, count = RATES["one cycle"], keras.Variable(3, dtype="int32", trainable=False)
    with keras.StatelessScope(state_mapping=[(count, keras.ops.convert_to_tensor(300, dtype="int32"))]):
        inside = to_numpy(rate(count))
    assert inside == float(rate(300)) != float(rate(count))


class Counting(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of another library that writes down what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, step):
        self.asked.append(int(step))
        return 0.1 * keras.ops.cast(step + 1, "float32")


@pytest.mark.parametrize("depth", [1, 2])
def test_a_foreign_member_is_asked_once(depth):
    """A schedule of another library is asked about the step that is asked for, and no other."""
    foreign = Counting()
    rate = klr.Warmup(foreign, steps=2) if depth == 1 else klr.Sum([0.0, klr.Clip(foreign, maximum=9)])
    values = [float(rate(integers(t))) for t in (4, 5)]
    asked = list(foreign.asked)
    np.testing.assert_allclose(values, rate.values([4, 5]), rtol=1e-6)
    assert asked == foreign.asked[2:] and len(asked) == 2


@klr.schedule(package="tests")
class Broken(klr.Schedule):
    """A formula with an error."""

    def at(self, step):
        return self.strat * step.time


@klr.schedule(package="tests")
class Number(klr.Schedule):
    """A formula that forgets the shape of the step."""

    def at(self, step):
        return 0.25


@klr.schedule(package="tests")
class Inverse(klr.Schedule):
    """A formula that has no value at step 0, and overflows beyond step 3."""

    def at(self, step):
        return 1.0 / step.time + 10.0 ** (100.0 * (step.time - 3.0))


def test_a_formula_with_an_error():
    """What is wrong with a formula of one's own is said."""
    for _ in range(2):
        with pytest.raises(AttributeError, match="strat"):
            Broken()(integers(3))


def test_a_formula_without_the_shape():
    """A formula that gives one number gives it as before."""
    assert float(Number()(integers(3))) == 0.25


def test_steps_that_nobody_asked_for():
    """A step that a formula has no value at does no harm to the others, and there is no warning."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        np.testing.assert_allclose(float(Inverse()(integers(2))), 0.5, rtol=1e-6)
        assert float(Inverse()(integers(4))) == float("inf")
    assert not warned


@torch_alone
def test_the_formula_is_computed_once_per_window(monkeypatch):
    """While a model trains on torch, numpy computes one window after the other, and torch nothing."""
    asked, at = [], klr.Cosine.at
    monkeypatch.setattr(
        klr.Cosine, "at", lambda self, step: (asked.append((step.ops, step.time.shape)), at(self, step))[1]
    )
    model = rate_meter(keras.optimizers.AdamW(klr.Cosine(0.1, 0.0, steps=999), weight_decay=0.01), jit_compile=False)
    model.fit(*ones(2 * SIZE + 5), batch_size=1, verbose=0)
    assert asked == 3 * [(NUMPY, (SIZE,))]


@torch_alone
def test_a_value_is_the_callers_own():
    """A value that is changed in place changes no other."""
    rate = klr.Linear(0.1, 0.0, steps=10)
    rate(5).mul_(7.0)
    assert float(rate(5)) == np.float32(0.05)


@torch_alone
def test_compiled_once():
    """Compiled, a schedule is one graph for all steps, whatever is asked eagerly in between."""
    import torch
    from torch._dynamo.testing import CompileCounter

    rate, count = fresh(RATES["cosine"]), CompileCounter()
    compiled, frames = torch.compile(rate, backend=count), []
    compiled(torch.tensor(3))
    assert "_window" not in vars(rate)
    for t in (3, SIZE + 1, 2 * SIZE, 5):
        step = torch.tensor(t)
        np.testing.assert_allclose(float(compiled(step)), float(rate(step)), rtol=1e-6)
        frames.append(count.frame_count)
    assert frames[0] > 0 and len(set(frames)) == 1


@torch_alone
def test_traced():
    """What torch traces depends on the step that it is given later."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    rate = fresh(RATES["one cycle"])
    rate(5)
    for trace in (
        lambda f: torch.jit.trace(f, torch.tensor(5)),
        lambda f: make_fx(f)(torch.tensor(5)),
        lambda f: make_fx(f, tracing_mode="symbolic")(torch.tensor(5)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = trace(lambda step: rate(step))
        np.testing.assert_allclose(float(traced(torch.tensor(300))), rate.values([300])[0], rtol=1e-6)
    with FakeTensorMode() as mode:
        assert isinstance(rate(mode.from_tensor(torch.tensor(5))), FakeTensor)
    with keras.device("meta"):
        assert rate(keras.Variable(5, dtype="int32", trainable=False)).device.type == "meta"
