"""Compares policies by training a model with each: `compare_policies`."""

from __future__ import annotations

from typing import Any

import keras

from ..finder.data import check_lengths, read_data
from ..finder.find import check_model
from ..finder.preserved import snapshot_random_states
from ..finder.tune import FEWEST
from ..optimizers.snapshots import call_and_restore
from ..schedules import arguments
from ..schedules.hints import with_hints
from .comparison import Comparison
from .policy import OWNER, read_policies
from .problem import Copies, Problem
from .runner import Runner
from .trials import is_tuned


@with_hints
def compare_policies(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    policies: Any,
    epochs: int,
    validation_data: Any = None,
    validation_split: float | None = None,
    batch_size: int | None = None,
    seeds: int = 5,
    peak: float | None = None,
    monitor: str | None = None,
    mode: str | None = None,
    jobs: int | None = None,
    folder: Any = None,
    verbose: Any = "auto",
) -> Comparison:
    """Train a model under several policies and seeds, and report which policy to use, how sure that is, and its code.

    >>> import keras, numpy as np, keras_lr as klr
    >>> x = np.random.default_rng(0).normal(size=[200, 3]).astype("float32")
    >>> y = np.tanh(x.sum(axis=1))
    >>> def make():
    ...     model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    ...     model.compile(keras.optimizers.SGD(momentum=0.9), loss="mse")
    ...     return model
    >>> policies = {"one cycle": "klr.one_cycle(peak, steps)", "mine": lambda peak, steps: klr.Rex(peak, 0.0, steps)}
    >>> fit = {"epochs": 4, "validation_split": 0.2}
    >>> compared = klr.compare_policies(make, x, y, policies=policies, **fit, peak=0.1, seeds=2, verbose=0)
    >>> sorted(row.name for row in compared.rows)
    ['mine', 'one cycle']
    >>> compared.judge.monitor
    'val_loss'

    First, `tune_learning_rate` tunes the peak of each policy that has one, without the policy's callbacks. It uses the
    model and the training data of seed 0, and holds out a fifth of this data to judge the peaks. So the validation data
    is new to every policy. Data that is not in arrays can't be split; there, `validation_data` judges the peaks, too.

    Then each policy is trained with each seed. The seed determines the initial weights, the order of the data and, for
    arrays with `validation_split`, which examples are held out. These are the same for every policy, so policies are
    compared in pairs. A `tf.data` pipeline that shuffles is not repeatable: each run gets a different order.

    To repeat a run, call `keras.utils.set_random_seed(seed)`, create the model, set the same seed again and call `fit`.
    A run has diverged if its final loss is not finite or more than 100 times that of the untrained model. A policy with
    such a run is ranked last.

    Args:
        model: A function without arguments that returns a compiled model, and is called for each run; or a compiled
            model, whose current weights start each run. The model itself is left unchanged.
        x, y, batch_size: As for `fit`, but `x` can't be a generator.
        policies: A dictionary from names to policies, or a list. A policy is one of these: a number, a schedule, a rule
            such as `keras_lr.Prodigy()`, or an optimizer, with nothing to tune; a function of a peak and a number of
            steps that returns one of those, or a tuple of one and a list of callbacks; an expression as a string, such
            as `"klr.warmup_cosine(peak, steps)"`, which may use `peak`, `steps`, `epochs`, `klr`, `keras` and `np`; a
            function as `"module:function"`; or the name of a built-in policy, as listed by
            `python -m keras_lr compare --help`.
        epochs: The number of epochs of each run, an integer > 0.
        validation_data, validation_split: The validation data, as for `fit`; one of them is required.
        seeds: The number of runs of each policy, an integer > 0.
        peak: The peak of all policies, a number > 0; `None` to tune the peak of each.
        monitor: The metric that ranks the policies, by its value after the last epoch. By default, it is the first
            compiled metric on the validation data, or else `"val_loss"`.
        mode: `"min"` or `"max"`, if the name of the metric does not tell whether lower values are better.
        jobs: The number of policies that joblib trains at the same time, each in its own process. The data and the
            function are sent to the processes. On the CPU, results equal those of a single process, bit for bit. Inside
            `joblib.parallel_config`, its backend applies, such as "dask" or "ray", for several machines.
        folder: The folder for `compare.json`, which is updated after each run, `best.keras` and `compare.png`.
        verbose: 0 for no output, 2 for a line per run, anything else for a line that the next run replaces.

    Returns:
        A `Comparison` with `rows`, `best`, `code`, `model` and `plot()`. Printing it shows the table and the answer.

    Raises:
        TypeError, ValueError: An argument breaks its rule, before any training.
    """

    def compare() -> Comparison:
        for name, count in (("epochs", epochs), ("seeds", seeds), ("jobs", 1 if jobs is None else jobs)):
            arguments.validate_as(arguments.COUNT, OWNER, name, count)
        data = read_data(OWNER, x, y, batch_size)
        height = None if peak is None else arguments.validate_as(arguments.POSITIVE, OWNER, "peak", peak)
        problem = Problem(_maker(model), data, validation_data, validation_split, int(epochs), int(seeds), height)
        check_lengths(OWNER, data)
        problem.split(0)  # raises where there is no validation data, and for a generator
        read = read_policies(policies, problem.epochs)
        first = problem.model(0)
        problem = problem.measured(first, monitor, mode)
        for policy in read.values():
            policy.check(first, problem.steps)
        if problem.steps < FEWEST and any(is_tuned(policy, problem) for policy in read.values()):
            remedy = f"Or pass a `peak`. There are only {problem.steps}."
            arguments.reject(OWNER, "epochs", f"enough for {FEWEST} updates, which tuning a peak takes", epochs, remedy)
        return Runner(read, problem, jobs, folder, verbose).compare()

    return call_and_restore(compare, [snapshot_random_states()])


def _maker(model: Any) -> Any:
    """A function that makes the compiled model."""
    if isinstance(model, keras.Model):
        check_model(OWNER, model, "learning_rate")
        return Copies(model, "a model that can be saved and loaded, or a function that returns a compiled one")
    if not callable(model):
        rule = "a compiled model, or a function that returns one"
        arguments.reject(OWNER, "model", rule, model, error=TypeError)
    return model
