"""The checks of `test_schedules.py` can fail: each planted fault is caught by one."""

import keras
import numpy as np
import pytest
import test_exact
import test_schedules as checks
from cases import CASES

import keras_lr as klr
from keras_lr.schedules import step as step_module
from keras_lr.schedules.ops import NUMPY, namespace
from keras_lr.schedules.step import Step


def caught(check, *case_names, errors=(AssertionError,)):
    for name in case_names:
        with pytest.raises(errors):
            check(CASES[name])


def test_a_late_boundary(monkeypatch):
    """A boundary that falls one step late, as Keras' does, is caught in lookups, sequences and staircases."""
    index, reached, periods = Step.index, Step.reached, Step._periods
    monkeypatch.setattr(Step, "index", lambda self, b: index(Step(self.time - 1, self.ops), b))
    caught(checks.test_formula, "intervals", "intervals of parts of steps", "repeat, growing")
    monkeypatch.setattr(Step, "reached", lambda self, b: reached(Step(self.time - 1, self.ops), b))
    caught(checks.test_formula, "sequence")
    monkeypatch.setattr(Step, "_periods", lambda self, p: periods(Step(self.time - 1, self.ops), p))
    caught(checks.test_formula, "exponential in stairs", "inverse time in stairs", "repeat")


def test_no_room_for_rounding(monkeypatch):
    """Counts of periods that take no care of rounding errors are caught by lengths such as 49."""
    monkeypatch.setattr(step_module, "ROUNDING", 0.0)
    with pytest.raises(AssertionError):
        for case in test_exact.EXACT:
            test_exact.test_exact_values(*case)


def test_a_time_in_float32(monkeypatch):
    """A time of 24 bits is caught near the end of long curves."""

    def left(self, steps):
        return self.ops.maximum(1.0 - self.ops.float32(self.time) / np.float32(steps), 0.0)

    monkeypatch.setattr(Step, "left", left)
    monkeypatch.setattr(NUMPY, "float32", lambda x: x.astype("float32"), raising=False)
    caught(checks.test_formula, "linear, long", "cosine", "polynomial, root")


def test_a_cosine_that_cancels(monkeypatch):
    """The textbook formula 1 + cos, which has no digits left near the end, is caught."""

    def at(self, step):
        return self.start * 0.5 * (1.0 + step.ops.cos(np.pi * step.done(self.steps)))

    monkeypatch.setattr(klr.Cosine, "at", at)
    caught(checks.test_formula, "cosine")


def test_a_lost_field(monkeypatch):
    """A field that is missing from the config is caught, one with a default too."""
    config = klr.Schedule.get_config
    monkeypatch.setattr(
        klr.Schedule, "get_config", lambda self: {k: v for k, v in config(self).items() if k not in ("end", "power")}
    )
    caught(checks.test_round_trips, "polynomial", "linear", errors=(AssertionError, TypeError, ValueError))


def test_an_unregistered_class(monkeypatch, tmp_path):
    """A class that Keras does not know by name can't be loaded, which is caught."""

    class Hidden(klr.Schedule):
        def __init__(self):
            self.__post_init__()

        _names = classmethod(lambda cls: [])

        def at(self, step):
            return step.full(0.1)

    monkeypatch.setitem(CASES, "hidden", checks.CASES["constant"].__class__(Hidden(), {0: 0.1}, lambda t: 0.1))
    with pytest.raises((AssertionError, TypeError)):
        checks.test_round_trips(CASES["hidden"])
    with pytest.raises(Exception, match=r"Hidden|deserialized"):
        checks.test_saved_with_a_model(CASES["hidden"], tmp_path)


def test_a_forgotten_row(monkeypatch):
    """A public schedule without a row in the table is caught."""
    monkeypatch.setattr(klr, "New", type("New", (klr.Schedule,), {}), raising=False)
    with pytest.raises(AssertionError):
        checks.test_every_schedule_has_a_row()


def test_a_value_that_depends_on_floatx(monkeypatch):
    """A formula computed in Keras' default float is caught under float16."""
    monkeypatch.setattr(namespace(), "real", lambda x: keras.ops.cast(x, keras.config.floatx()))
    with pytest.raises(Exception):  # noqa: B017 - other values, or dtypes that do not fit
        checks.test_floatx(CASES["linear, long"], "float16")
