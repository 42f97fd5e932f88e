"""Rules as pure functions and in an optimizer get to where their authors' code does."""

import contextlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backends import NAME, compiled_apply, to_numpy
from rule_problems import FACTORS, PROBLEMS, initial_weights

import keras_lr as klr
from keras_lr.rules.base import Signals
from keras_lr.rules.vector import Vector

REFERENCES = json.loads((Path(__file__).parent / "data" / "rules.json").read_text())
UPDATES = 200
EXACTLY = 1e-5 if NAME == "torch" else 1e-9  # there, `keras.ops.maximum` gives float32


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
        self.weights = self.start = initial_weights()
        self.state = rule.initial_state() | {slot: [0 * w for w in self.weights] for slot in rule.slots}
        self.m, self.v = ([0 * w for w in self.weights] for _ in range(2))
        self.betas, self.updates = (0.9, beta_2), 0

    def update(self, gradients, factor):
        self.updates += 1
        betas = dict(zip(("beta_1", "beta_2"), self.betas, strict=True)) | {"epsilon": self.epsilon}
        signals = Signals(
            gradients=vector(gradients),
            weights=vector(self.weights),
            learning_rate=tensor(factor),
            second_moments=vector(self.v),
            initial_weights=vector(self.start),
            updates=tensor(self.updates),
            hyperparameters={name: tensor(x) for name, x in (betas if self.is_adam else {"momentum": 0.0}).items()},
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
    return Vector([tensor(array) for array in arrays])


def flat(weights):
    return np.concatenate([np.ravel(to_numpy(w)) for w in weights])


def in_data(rule, estimates):
    """The estimates of all updates as the data has them: of some, and for DoWG the square of the distance."""
    chosen = np.array([estimates[step - 1] for step in REFERENCES["steps"]])
    return chosen**2 if isinstance(rule, klr.DoWG) else chosen


def assert_agrees(row, estimates, weights, tolerance, of_estimates=None):
    np.testing.assert_allclose(estimates, row["estimates"], rtol=of_estimates or tolerance)
    scale = np.max(np.abs(row["weights"]))
    np.testing.assert_allclose(weights, row["weights"], rtol=0, atol=tolerance * scale)


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
    "DoWG": (klr.DoWG(), "optax", "dowg", "network", "warmup", {}),
    "DoWG, no feedback": (klr.DoWG(), "optax", "dowg", "sequence", "cosine", {}),
    "DoWG from 0": (klr.DoWG(), "optax", "dowg", "network", "from zero", {}),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_the_formula_is_the_authors(name):
    """In float64, 200 updates of the pure function end where the authors' code or optax does."""
    rule, package, optimizer, problem, factor, arguments = AGREEMENTS[name]
    row = reference(package, optimizer, problem, factor, **arguments)
    estimates = []
    with double():
        host = Host(rule, beta_2=arguments.get("betas", [0, 0.999])[1])
        for step in range(UPDATES):
            host.update(PROBLEMS[problem](step, host.weights)[1], FACTORS[factor](step))
            estimates.append(host.state[rule.reported[0]])
    assert_agrees(row, in_data(rule, estimates), flat(host.weights), EXACTLY)


def test_epsilon_is_left_alone():
    """The authors of Prodigy scale epsilon with the estimate. Keras' own one makes next to no difference."""
    row = reference("optax", "prodigy", "network", "cosine")
    with double():
        host = Host(klr.Prodigy(), rescale_epsilon=False)
        for step in range(UPDATES):
            host.update(PROBLEMS["network"](step, host.weights)[1], FACTORS["cosine"](step))
    np.testing.assert_allclose(host.state["estimate"], row["estimates"][-1], rtol=1e-4)
    np.testing.assert_allclose(flat(host.weights), row["weights"], atol=2e-4 * np.max(np.abs(row["weights"])))


# In float32 the distance from the start has few digits at first, and Keras' bias correction of Adam, too.
IN_FLOAT32 = {"Prodigy": (2e-2, 2e-2), "D-Adaptation": (1e-2, 1e-3), "DoWG": (1e-4, 1e-3)}


def train(optimizer):
    """Updates of a built optimizer, compiled; the weights, and the state of its rule after each."""
    weights = [keras.Variable(w) for w in initial_weights("float32")]
    optimizer.build(weights)
    apply, estimates, losses = compiled_apply(optimizer, weights), [], []
    (reported,) = optimizer._managed.rules["learning_rate"].reported
    for step in range(UPDATES):
        loss, gradients = PROBLEMS["network"](step, [keras.ops.convert_to_numpy(w) for w in weights])
        apply([keras.ops.convert_to_tensor(g) for g in gradients])
        estimates.append(float(optimizer._managed.variables[f"learning_rate_{reported}"].numpy()))
        losses.append(loss)
    return weights, estimates, losses


def schedule(factor):
    return klr.Table([FACTORS[factor](step) for step in range(UPDATES)])


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_the_optimizer_follows_the_formula(name):
    """Keras' optimizer in float32, with the rule in its compiled step, gets to the same weights."""
    rule, package, optimizer, *_ = AGREEMENTS[name]
    make = keras.optimizers.SGD if "SGD" in rule.optimizers else lambda: keras.optimizers.Adam(epsilon=1e-8)
    # Not a warmup from 1e-6, in which the steps are below the resolution of the weights.
    weights, estimates, _ = train(klr.scheduled(make(), learning_rate=type(rule)(schedule("cosine"))))
    tolerance, of_estimates = IN_FLOAT32[name]
    row = reference(package, optimizer, "network", "cosine")
    assert_agrees(row, in_data(rule, estimates), flat(weights), tolerance, of_estimates)


@pytest.mark.parametrize("rule", [klr.Prodigy, klr.DAdaptation])
def test_nadam(rule):
    """It is a host as Adam is: the estimate is of the same size, and the loss falls as far."""
    ends = []
    for make in (keras.optimizers.Adam, keras.optimizers.Nadam):
        _, estimates, losses = train(klr.scheduled(make(), learning_rate=rule(schedule("cosine"))))
        ends.append((estimates[-1], np.mean(losses[-4:])))
    (estimate, loss), (of_nadam, loss_of_nadam) = ends
    assert 0.5 < of_nadam / estimate < 2 and loss_of_nadam < 2 * loss < 0.2 * losses[0]


@klr.rule(package="tests")
class Halving(klr.Rule):
    """A rate of 0, with moments that are halved in each update"""

    schedule: Any = 1.0

    def initial_state(self):
        return {"first_moment_factor": 1.0, "second_moment_factor": 1.0}

    def update(self, state, signals):
        return {"first_moment_factor": 0.5, "second_moment_factor": 0.25}, 0.0


def test_factors_of_moments():
    """They multiply all moments that the optimizer has, also those of `amsgrad`, before the update."""
    for make in (keras.optimizers.SGD, lambda: keras.optimizers.Adam(amsgrad=True)):  # the first one has none
        optimizer, weight = klr.scheduled(make(), learning_rate=Halving()), keras.Variable([1.0, 2.0])
        for gradient in (2.0, 0.0):
            optimizer.apply([keras.ops.full([2], gradient)], [weight])
    slots = optimizer._momentums[0], optimizer._velocities[0], optimizer._velocity_hats[0]
    expected = 0.2 * 0.5 * 0.9, 0.004 * 0.25 * 0.999, 0.004 * 0.25
    for slot, value in zip(slots, expected, strict=True):
        np.testing.assert_allclose(to_numpy(slot), value, rtol=1e-4)


def test_a_partial_batch_with_an_embedding():
    """A sparse gradient may have an unknown shape where the size of the last batch differs."""
    model = keras.Sequential([keras.Input([2], dtype="int32"), keras.layers.Embedding(5, 3), keras.layers.Dense(1)])
    model.compile(klr.scheduled(keras.optimizers.Adam(), learning_rate=klr.Prodigy()), loss="mse", jit_compile=False)
    x, before = np.array([[0, 1], [1, 1], [2, 3]], "int32"), model.get_weights()[0]
    model.fit(x, np.ones([3, 2, 1]), batch_size=2, epochs=2, verbose=0)
    assert (model.get_weights()[0] != before).any(axis=1).tolist() == [True, True, True, True, False]
