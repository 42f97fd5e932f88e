"""Rules as pure functions and in an optimizer: where their authors' code gets to, and what is no rule."""

import contextlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backends import NAME, to_numpy
from rule_problems import FACTORS, PROBLEMS, initial_weights

import keras_lr as klr
from keras_lr.rules import distance

REFERENCES = json.loads((Path(__file__).parent / "data" / "rules.json").read_text())
UPDATES = 200


def reference(package, optimizer, problem, factor, **arguments):
    """The row of the data with these arguments of the package."""
    keys = {"package": package, "optimizer": optimizer, "problem": problem, "factor": factor, "arguments": arguments}
    (row,) = [row for row in REFERENCES["rows"] if all(row[key] == value for key, value in keys.items())]
    return row


def double():
    """A context in which tensors have float64."""
    if NAME != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


class Host:
    """Keras' Adam or SGD in numpy: the weights, the state of a rule, and an update of both."""

    def __init__(self, rule, beta_2=0.999, epsilon=1e-8, rescale_epsilon=True):
        self.rule, self.epsilon, self.rescale_epsilon = rule, epsilon, rescale_epsilon
        self.is_adam = "Adam" in rule.optimizers
        self.weights = initial_weights()
        self.state = rule.initial_state() | {slot: [0 * w for w in self.weights] for slot in rule.slots}
        self.m, self.v = ([0 * w for w in self.weights] for _ in range(2))
        self.betas, self.updates = (0.9, beta_2), 0

    def update(self, gradients, factor):
        self.updates += 1
        betas = dict(zip(("beta_1", "beta_2"), self.betas, strict=True)) | {"epsilon": self.epsilon}
        signals = klr.Signals(
            vector(gradients),
            vector(self.weights),
            tensor(factor),
            vector(self.m),
            vector(self.v) if self.is_adam else None,
            tensor(self.updates),
            {name: tensor(value) for name, value in betas.items()} if self.is_adam else {},
        )
        state = {key: vector(x) if key in self.rule.slots else tensor(x) for key, x in self.state.items()}
        after, value = self.rule.update(state, signals)
        before = self.state
        self.state = {
            key: [to_numpy(one) for one in x] if key in self.rule.slots else to_numpy(x) for key, x in after.items()
        }
        (self.adam if self.is_adam else self.sgd)(gradients, float(to_numpy(value)) * factor, before)

    def sgd(self, gradients, rate, before):
        self.weights = [w - rate * g for w, g in zip(self.weights, gradients, strict=True)]

    def adam(self, gradients, rate, before):
        (b1, b2), t = self.betas, self.updates
        epsilon = self.epsilon
        if isinstance(self.rule, klr.Prodigy) and self.rescale_epsilon:
            epsilon *= self.state["estimate"] / before["estimate"]
        first, second = self.state["first_moment_factor"], self.state.get("second_moment_factor", 1.0)
        self.m = [b1 * first * m + (1 - b1) * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [b2 * second * v + (1 - b2) * g**2 for v, g in zip(self.v, gradients, strict=True)]
        rate *= np.sqrt(1 - b2**t) / (1 - b1**t)
        steps = [rate * m / (np.sqrt(v) + epsilon) for m, v in zip(self.m, self.v, strict=True)]
        self.weights = [w - step for w, step in zip(self.weights, steps, strict=True)]


def tensor(value):
    return keras.ops.convert_to_tensor(np.asarray(value, "float64"), "float64")


def vector(arrays):
    return klr.Vector([tensor(array) for array in arrays])


def flat(weights):
    return np.concatenate([np.ravel(to_numpy(w)) for w in weights])


def assert_agrees(row, estimates, weights, tolerance, of_estimates=None):
    np.testing.assert_allclose(estimates, row["estimates"], rtol=of_estimates or tolerance)
    scale = np.max(np.abs(row["weights"]))
    np.testing.assert_allclose(weights, row["weights"], rtol=0, atol=tolerance * scale)


START = np.sqrt(sum(np.vdot(w, w) for w in initial_weights()))
DOWG = klr.DoWG(initial=1e-3 / (1 + START))  # optax' distance at first is not relative to the weights
BETAS = {"betas": [0.9, 0.99]}
AGREEMENTS = {
    "Prodigy": (klr.Prodigy(), "optax", "prodigy", "network", "warmup", {}),
    "Prodigy, no feedback": (klr.Prodigy(), "optax", "prodigy", "sequence", "cosine", {}),
    "Prodigy from 0": (klr.Prodigy(), "optax", "prodigy", "network", "from zero", {}),
    "Prodigy, beta_2": (klr.Prodigy(), "optax", "prodigy", "network", "cosine", BETAS),
    "D-Adaptation": (klr.DAdaptation(), "optax", "dadapt_adamw", "network", "warmup", {}),
    "D-Adaptation, no feedback": (klr.DAdaptation(), "optax", "dadapt_adamw", "sequence", "cosine", {}),
    "D-Adaptation from 0": (klr.DAdaptation(), "optax", "dadapt_adamw", "network", "from zero", {}),
    "D-Adaptation, beta_2": (klr.DAdaptation(), "optax", "dadapt_adamw", "network", "cosine", BETAS),
    "DoG": (klr.DoG(), "dog-optimizer", "DoG", "network", "warmup", {}),
    "DoG, no feedback": (klr.DoG(), "dog-optimizer", "DoG", "sequence", "cosine", {}),
    "DoG, initial": (klr.DoG(initial=1e-4), "dog-optimizer", "DoG", "network", "constant", {"reps_rel": 1e-4}),
    "DoWG": (DOWG, "optax", "dowg", "network", "cosine", {"init_estim_sq_dist": 1e-6, "eps": 1e-8}),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_the_formula_is_the_authors(name, monkeypatch):
    """In float64, 200 updates of the pure function end where the authors' code or optax does."""
    rule, package, optimizer, problem, factor, arguments = AGREEMENTS[name]
    row, tolerance = reference(package, optimizer, problem, factor, **arguments), 1e-9
    if name == "DoWG":  # optax adds its epsilon to the root
        monkeypatch.setattr(distance, "EPSILON", 0.0)
        tolerance = 3e-4
    estimates = []
    with double():
        host = Host(rule, beta_2=arguments.get("betas", [0, 0.999])[1])
        for step in range(UPDATES):
            host.update(PROBLEMS[problem](step, host.weights)[1], FACTORS[factor](step))
            estimates.append(host.state[rule.reported[0]])
    estimates = np.array([estimates[step - 1] for step in REFERENCES["steps"]])
    assert_agrees(row, estimates**2 if name == "DoWG" else estimates, flat(host.weights), tolerance)


def test_epsilon_is_left_alone():
    """The authors of Prodigy scale epsilon with the estimate. Keras' own one makes next to no difference."""
    row = reference("optax", "prodigy", "network", "cosine")
    with double():
        host = Host(klr.Prodigy(), rescale_epsilon=False)
        for step in range(UPDATES):
            host.update(PROBLEMS["network"](step, host.weights)[1], FACTORS["cosine"](step))
    np.testing.assert_allclose(host.state["estimate"], row["estimates"][-1], rtol=1e-4)
    np.testing.assert_allclose(flat(host.weights), row["weights"], atol=2e-4 * np.max(np.abs(row["weights"])))


def compiled_apply(optimizer, weights):
    """`apply` of the gradients that it is called with, as one function of the backend where that is possible."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda grads: optimizer.apply(grads, weights))
    if NAME == "torch":
        return lambda grads: optimizer.apply(grads, weights)
    import jax

    step = jax.jit(optimizer.stateless_apply)

    def apply(grads):
        values = step([v.value for v in optimizer.variables], grads, [w.value for w in weights])
        for variables, new in zip((weights, optimizer.variables), values, strict=True):
            for variable, value in zip(variables, new, strict=True):
                variable.assign(value)

    return apply


# In float32 the distance from the start has few digits at first, and Keras' bias correction of Adam, too.
IN_FLOAT32 = {"Prodigy": (2e-2, 2e-2), "D-Adaptation": (1e-2, 1e-3), "DoG": (1e-2, 2e-2), "DoWG": (1e-4, 1e-3)}


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_the_optimizer_follows_the_formula(name, monkeypatch):
    """Keras' optimizer in float32, with the rule in its compiled step, gets to the same weights."""
    rule, package, optimizer, _, _, arguments = AGREEMENTS[name]
    factor = "cosine" if name == "DoWG" else "warmup"
    row = reference(package, optimizer, "network", factor, **arguments)
    if name == "DoWG":
        monkeypatch.setattr(distance, "EPSILON", 0.0)
    rate = klr.Table([FACTORS[factor](step) for step in range(UPDATES)])
    make = keras.optimizers.SGD if "SGD" in rule.optimizers else lambda: keras.optimizers.Adam(epsilon=1e-8)
    optimizer = klr.scheduled(make(), learning_rate=type(rule)(rate, initial=rule.initial))
    weights = [keras.Variable(w) for w in initial_weights("float32")]
    optimizer.build(weights)
    apply, estimates = compiled_apply(optimizer, weights), []
    for step in range(UPDATES):
        _, gradients = PROBLEMS["network"](step, [keras.ops.convert_to_numpy(w) for w in weights])
        apply([keras.ops.convert_to_tensor(g) for g in gradients])
        estimates.append(float(optimizer._managed.variables[f"learning_rate_{rule.reported[0]}"].numpy()))
    estimates = np.array([estimates[step - 1] for step in REFERENCES["steps"]])
    tolerance, of_estimates = IN_FLOAT32[name]
    assert_agrees(row, estimates**2 if name == "DoWG" else estimates, flat(weights), tolerance, of_estimates)


REFUSED = [
    (lambda: klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.Prodigy()), "is for the learning_rate of Adam"),
    (lambda: klr.scheduled(keras.optimizers.Adam(), learning_rate=klr.DoG()), "is for the learning_rate of SGD"),
    (lambda: klr.scheduled(keras.optimizers.SGD(), momentum=klr.DoG()), "`momentum` of `scheduled` must be a schedule"),
    (lambda: klr.scheduled(keras.optimizers.AdamW(), weight_decay=klr.Prodigy()), "`weight_decay` of `scheduled`"),
    (lambda: klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.AdaptiveMomentum()), "momentum or beta_1 of SGD"),
    (lambda: klr.set_learning_rate(keras.optimizers.Adam(), klr.DoWG()), "`learning_rate` of `set_learning_rate`"),
    (lambda: klr.Warmup(klr.DoG(), steps=3), "`schedule` of `Warmup` must be a schedule"),
    (lambda: klr.one_cycle(klr.DoG(), steps=3), "`peak` of `one_cycle` must be"),
    (lambda: klr.EpochSchedule(klr.DoG()), "`schedule` of `EpochSchedule` must be"),
    *[
        (lambda value=value: klr.Prodigy(value), "`schedule` of `Prodigy` must be a schedule or a finite number >= 0")
        for value in ("x", -1.0, None, float("nan"), [0.1], klr.DoG(), klr.AdaptiveMomentum(), lambda step: 0.1)
    ],
    *[
        (lambda value=value: klr.DoG(initial=value), "`initial` of `DoG` must be a number > 0")
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
    "another shape": (lambda state, value: (state | {"average": klr.Vector([np.ones(3)])}, value), "for `average`"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_an_update_returns(name):
    """The first step of a rule that returns another thing than it declared says so."""
    change, message = RESULTS[name]
    optimizer = klr.scheduled(keras.optimizers.RMSprop(), learning_rate=klr.rule(returning(change))())
    with pytest.raises((TypeError, ValueError), match="`update` of `Own` must return") as caught:
        optimizer.apply([keras.ops.ones([2])], [keras.Variable(np.ones(2))])
    assert message in str(caught.value)
