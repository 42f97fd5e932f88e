"""Trains one run of `adaptive.py` in a single compiled call, by the optimizer's own code, and keeps the results."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from adaptive_tasks import Task

CHUNK = 500  # test examples at once, so that they need little memory


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of all steps as an argument of the compiled run: others need no new compilation."""

    values: Any = jnp.zeros(1)

    def __call__(self, step: Any) -> Any:
        return jnp.asarray(self.values)[keras.ops.convert_to_tensor(step)]


class Runner:
    """The compiled training and evaluation of a task, for runs of at most `longest` steps."""

    def __init__(self, task: Task, longest: int):
        self.task, self.model, self.loss, self.longest = task, task.model(0), task.loss, longest
        self.x, self.y = (jnp.asarray(array) for array in task.data[0])
        self.trained: dict[Any, Any] = {}
        self.weights: dict[int, Any] = {}
        self.forward = jax.jit(lambda weights, others, x: self.model.stateless_call(weights, others, x)[0])

    def run(self, make: Any, schedule: Any, steps: int, seed: int) -> tuple[float, float, bool]:
        """The points on the validation data and on the test data, and whether the run failed."""
        weights, others, losses = self.train(make, schedule, steps, seed)
        rose = not losses[-max(steps // 20, 1) :].mean() <= losses[0]  # or is not finite
        points = []
        for x, y in self.task.data[1:]:
            low, reached = self.task.trivial(y), self.points(weights, others, x, y)
            # A result below the trivial one, or none, counts as the trivial one, so that it has a mean.
            points.append(low if rose or not np.isfinite(reached) else max(float(reached), low))
        val, test = points
        return round(val, 3), round(test, 3), bool(test < low + 1)

    def train(self, make: Any, schedule: Any, steps: int, seed: int) -> Any:
        """The trained weights, the other variables of the model, and the losses of the batches."""
        self.reset(seed)
        rates = Rates()
        optimizer = make(rates)
        optimizer.build(self.model.trainable_variables)
        if make not in self.trained:
            self.trained[make] = self.compiled(optimizer, rates)
        variables = self.model.trainable_variables, self.model.non_trainable_variables, optimizer.variables
        state = [[v.value for v in some] for some in variables]
        values = schedule.values(self.longest).astype("float32")
        batches = self.task.batches(seed, self.longest)
        weights, others, losses = self.trained[make](steps, values, state, batches, self.x, self.y)
        return weights, others, np.asarray(losses[:steps])

    def compiled(self, optimizer: Any, rates: Rates) -> Any:
        def train(steps: Any, values: Any, state: Any, batches: Any, x: Any, y: Any) -> Any:
            rates.values = values

            def step(i: Any, carried: Any) -> Any:
                (weights, others, variables), losses = carried

                def loss_of(weights: Any) -> Any:
                    predicted, new = self.model.stateless_call(weights, others, x[batches[i]], training=True)
                    return self.loss(y[batches[i]], predicted), new

                (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
                weights, variables = optimizer.stateless_apply(variables, gradients, weights)
                return [weights, others, variables], losses.at[i].set(loss)

            (weights, others, _), losses = jax.lax.fori_loop(0, steps, step, (state, jnp.zeros(len(batches))))
            return weights, others, losses

        return jax.jit(train)

    def reset(self, seed: int) -> None:
        """Give the model its initial weights for a seed."""
        if seed not in self.weights:
            self.weights[seed] = self.task.model(seed).get_weights()
        self.model.set_weights(self.weights[seed])

    def points(self, weights: Any, others: Any, x: Any, y: Any) -> float:
        """The accuracy in %, or R² in %."""
        ends = range(0, len(x), CHUNK)
        predicted = np.concatenate([self.forward(weights, others, x[end : end + CHUNK]) for end in ends])
        if self.task.regression:
            with np.errstate(all="ignore"):
                return 100 * (1 - ((predicted - y) ** 2).mean() / y.var())
        return 100 * (predicted.argmax(-1) == y).mean() if np.isfinite(predicted).all() else np.nan

    def difference_to_fit(self, make: Any, schedule: Any, steps: int) -> float:
        """The largest difference of a weight after `run` and after `Model.fit`, relative to the largest weight."""
        ours = self.train(make, schedule, steps, seed=0)[0]
        self.reset(0)
        self.model.compile(make(schedule), self.loss)
        order = self.task.batches(0, steps).ravel()
        x, y = (array[order] for array in self.task.data[0])
        self.model.fit(x, y, batch_size=self.task.batch, shuffle=False, verbose=0)
        fit = [np.asarray(v) for v in self.model.trainable_variables]
        differences = [np.abs(a - b).max() for a, b in zip(ours, fit, strict=True)]
        return float(max(differences) / max(np.abs(b).max() for b in fit))


class Store:
    """Results by task, row, budget, peak and seed, in a JSON file that several processes may add to."""

    def __init__(self, file: Path):
        self.file, self.own = file, {}
        self.all = self.read()

    def read(self) -> dict[str, Any]:
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def at(self, *path: str) -> dict[str, Any]:
        """The results below a path, of this process and others."""
        return _at(self.all, path)

    def get(self, key: tuple[str, ...], run: Any) -> Any:
        """The result at `key`; `run()` if there is none."""
        *path, last = key
        leaf = self.at(*path)
        if last not in leaf:
            leaf[last] = _at(self.own, path)[last] = run()
        return leaf[last]

    def save(self) -> None:
        """Add all results of this process to the file. What another writes meanwhile comes with its next save."""
        merged = self.read()
        _merge(merged, self.own)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(merged, sort_keys=True).replace('}, "', '},\n"') + "\n")
        os.replace(new, self.file)
        _merge(self.all, merged)


def _at(tree: dict[str, Any], path: Any) -> dict[str, Any]:
    for name in path:
        tree = tree.setdefault(name, {})
    return tree


def _merge(into: dict[str, Any], tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value
