"""What is no rule, declares or returns what an optimizer can't keep, or comes from a damaged file is refused."""

import io
import zipfile
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from test_hostile_files import load
from test_rules_in_training import following

import keras_lr as klr
from keras_lr.rules.vector import Vector

REFUSED = [
    (lambda: klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.Prodigy()), "is for the learning_rate of Adam"),
    (lambda: klr.scheduled(keras.optimizers.Adam(), learning_rate=klr.DoWG()), "is for the learning_rate of SGD"),
    (
        lambda: klr.scheduled(keras.optimizers.SGD(), momentum=klr.DoWG()),
        "`momentum` of `scheduled` must be a schedule",
    ),
    (lambda: klr.scheduled(keras.optimizers.AdamW(), weight_decay=klr.Prodigy()), "`weight_decay` of `scheduled`"),
    (lambda: klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.AdaptiveMomentum()), "momentum or beta_1 of SGD"),
    (lambda: klr.set_learning_rate(keras.optimizers.Adam(), klr.DoWG()), "`value` of `set_learning_rate`"),
    (lambda: klr.Warmup(klr.DoWG(), steps=3), "`schedule` of `Warmup` must be a schedule"),
    (lambda: klr.one_cycle(klr.DoWG(), steps=3), "`peak` of `one_cycle` must be"),
    (lambda: klr.EpochSchedule(klr.DoWG()), "`schedule` of `EpochSchedule` must be"),
    (
        lambda: setattr(klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.DoWG()), "learning_rate", 0.1),
        "Use `keras_lr.scheduled(optimizer, learning_rate=...)`",
    ),
    *[
        (lambda value=value: klr.Prodigy(value), "`schedule` of `Prodigy` must be a schedule or a finite number >= 0")
        for value in ("x", -1.0, None, float("nan"), [0.1], klr.DoWG(), klr.AdaptiveMomentum(), lambda step: 0.1)
    ],
    *[
        (lambda value=value: klr.DoWG(initial=value), "`initial` of `DoWG` must be a number > 0")
        for value in (0, -1.0, float("nan"), float("inf"), "1", None, 1e-300)
    ],
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_is_refused(number):
    """What can't work is refused where it is written."""
    make, message = REFUSED[number]
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert message in str(caught.value)


class Own(klr.Rule):
    """What a user writes; the tests change a part of it."""

    schedule: Any = 1.0

    slots = ("average",)
    reported = ("count",)

    def initial_state(self):
        return {"count": 0.0}

    def update(self, state, signals):
        return {"count": state["count"] + 1.0, "average": state["average"] + signals.gradients}, 0.1


def changed(**attributes):
    return type("Own", (klr.Rule,), {**vars(Own), "__annotations__": {"schedule": Any}, **attributes})


def returning(change):
    """The class with an `update` whose result is changed."""
    return changed(update=lambda self, state, signals: change(*Own.update(self, state, signals)))


DECLARATIONS = [
    (lambda: Own(), "`Own` must be decorated by `@keras_lr.rule`"),
    (lambda: klr.rule(int), "`@rule` takes a subclass of `Rule`"),
    (lambda: klr.rule(changed(update=klr.Rule.update)), "`@rule` takes a subclass of `Rule`"),
    (lambda: klr.rule(changed(slots="average")), "`slots` of `Own` must be a tuple of names. Received: 'average'"),
    (lambda: klr.rule(changed(optimizers=[keras.optimizers.SGD])), "`optimizers` of `Own` must be a tuple of names"),
    (lambda: klr.rule(changed(__annotations__={})), "`Own` is a rule of the learning rate and must have a field `sch"),
    (lambda: klr.rule(changed(slots=("count",)))(), "`slots` and `initial_state` of `Own` must differ"),
    (lambda: klr.rule(changed(slots=("start",), keeps_initial_weights=True))(), "of `Own` must differ from `start`"),
    (lambda: klr.rule(changed(keeps_initial_weights="yes")), "`keeps_initial_weights` of `Own` must be True or False"),
    (lambda: klr.rule(changed(reported=("rate",)))(), "`reported` of `Own` must have names of `initial_state`"),
    (lambda: klr.rule(changed(initial_state=lambda self: {"count": None}))(), "`initial_state` of `Own` must return"),
    (lambda: klr.rule(changed(initial_state=lambda self: ["count"]))(), "`initial_state` of `Own` must return"),
    (lambda: klr.rule(changed(initial_value=lambda self: np.inf))(), "`initial_value` of `Own` must return a finite"),
]


@pytest.mark.parametrize("number", range(len(DECLARATIONS)))
def test_what_a_rule_declares(number):
    """A class that declares what no optimizer can keep is refused at once."""
    make, message = DECLARATIONS[number]
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert message in str(caught.value)


RESULTS = {
    "nothing": (lambda state, value: None, "must return a tuple of a dictionary, the state, and the value"),
    "no state": (lambda state, value: value, "must return a tuple"),
    "the other way round": (lambda state, value: (value, state), "must return a tuple"),
    "a slot is missing": (lambda state, value: ({"count": state["count"]}, value), "names `count`, `average`"),
    "a name too many": (lambda state, value: (state | {"other": 0.0}, value), "names `count`, `average`"),
    "a vector for a value": (lambda state, value: (state, state["average"]), "must return a scalar for the value"),
    "a vector for a scalar": (lambda state, value: (state | {"count": state["average"]}, value), "for `count`"),
    "a text": (lambda state, value: (state, "0.1"), "must return a scalar for the value"),
    "a scalar for a slot": (
        lambda state, value: (state | {"average": 0.0}, value),
        "shapes of the weights for `average`",
    ),
    "another shape": (lambda state, value: (state | {"average": Vector([np.ones(3)])}, value), "for `average`"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_an_update_returns(name):
    """The first step of a rule that returns another thing than it declared says so."""
    change, message = RESULTS[name]
    optimizer = klr.scheduled(keras.optimizers.RMSprop(), learning_rate=klr.rule(returning(change))())
    with pytest.raises((TypeError, ValueError), match="`update` of `Own` must return") as caught:
        optimizer.apply([keras.ops.ones([2])], [keras.Variable(np.ones(2))])
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a file of a trained model, by name."""
    model, path = new_model(), tmp_path_factory.mktemp("files") / "model.keras"
    model.fit(np.ones([8, 2]), np.ones([8]), batch_size=2, verbose=0)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def new_model():
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(following("Prodigy"), "mse")
    return model


STATES = {
    "another shape": ("learning_rate_sum_0", np.ones([2, 2], "float32"), r"must be numbers of shape \(2, 1\)"),
    "a shape that broadcasts": (
        "learning_rate_sum_0",
        np.ones([1, 1], "float32"),
        r"must be numbers of shape \(2, 1\)",
    ),
    "a huge shape": ("learning_rate_start_0", (10**12,), "learning_rate_start_0"),
    "a slot that is text": ("learning_rate_start_1", np.array([b"x"]), "must be numbers of shape"),
    "a slot with a NaN": ("learning_rate_sum_1", np.array([np.nan], "float32"), "`learning_rate_sum_1` .* finite"),
    "a NaN": ("learning_rate_numerator", np.array(np.nan, "float32"), "`learning_rate_numerator` .* finite numbers"),
    "an infinite estimate": (
        "learning_rate_estimate",
        np.array(np.inf, "float32"),
        "`learning_rate_estimate` .* finite",
    ),
    "a table": ("learning_rate_estimate", np.ones(3, "float32"), "`learning_rate_estimate` .* must be a number"),
    "a slot too many": ("learning_rate_sum_7", np.ones([2, 1], "float32"), None),
    "a slot is missing": ("learning_rate_sum_0", None, None),
    "no estimate": ("learning_rate_estimate", None, None),
}


@pytest.mark.parametrize("name", STATES)
def test_a_damaged_file(name, parts, tmp_path):
    """The state of a rule is checked before it is used; what is missing starts anew."""
    key, value, message = STATES[name]
    content = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(content, "a") as file:
        group = file["optimizer/keras_lr/vars"]
        if key in group:
            del group[key]
        if isinstance(value, tuple):
            group.create_dataset(key, value, "float64", chunks=(10**6,))
        elif value is not None:
            group[key] = value
    found = load(parts | {"model.weights.h5": content.getvalue()}, tmp_path / "model.keras")
    if message is None:
        losses = found.fit(np.ones([8, 2]), np.ones([8]), batch_size=2, verbose=0).history["loss"]
        assert np.isfinite(losses).all() and float(keras.ops.convert_to_numpy(found.optimizer.learning_rate)) > 0
    else:
        assert isinstance(found, ValueError), found
        with pytest.raises(ValueError, match=message):
            raise found
