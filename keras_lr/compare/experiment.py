"""Compares policies by training with each of them: `compare_policies`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..finder.preserved import snapshot_random_states
from ..finder.tune import FEWEST
from ..optimizers.snapshots import call_and_restore
from ..schedules import arguments
from ..schedules.elsewhere import checks_names
from .comparison import Comparison
from .policy import OWNER, read_policies
from .problem import read_problem
from .runner import Runner
from .trials import Plan


@checks_names
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
    """Train a model under several policies with several seeds, and say which to use, how sure that is, and the code.

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

    Each policy that has a peak is tuned first, by `tune_learning_rate` with the model and the training data of seed 0,
    a fifth of which judges, so that what judges the policies is new to all of them; data that is not arrays can't be
    split, and `validation_data` judges the peaks, too. (Callbacks of a policy do not take part in the tuning.) Then
    each is trained with each seed. A seed gives the weights, the order of the data and, with `validation_split`, which
    examples of arrays are held out, all alike for every policy, so that policies are compared in pairs. A `tf.data`
    pipeline that shuffles is not repeatable, and gives each run another order.

    A run is what `keras.utils.set_random_seed(seed)`, the model, the same seed again and `fit` lead to. One whose loss
    at the end is not finite, or over 100 times that of the untrained model, has diverged; its policy is last. Policies
    whose runs are equal share a row.

    Inside `joblib.parallel_config` the policies are trained in its processes or, with its backends "dask" and "ray", on
    other machines.

    Args:
        model: A function without arguments that returns a compiled model, called once for each run; or a compiled
            model, whose weights each run begins with. It is left as it was.
        x, y, batch_size: As for `fit`, but no generator.
        policies: A dictionary by names, or a list. Each is a function of a peak and a number of steps that returns a
            number, a schedule, a rule such as `keras_lr.Prodigy()`, an optimizer, or a tuple of one of these and a list
            of callbacks; or one of these itself, with nothing to tune; or an expression, a text such as
            `"klr.warmup_cosine(peak, steps)"` of `peak`, `steps`, `epochs`, `klr`, `keras` and `np`; or the name of a
            built-in one: `python -m keras_lr compare --help` shows them.
        epochs: The length of each training, an integer > 0.
        validation_data, validation_split: What judges, as for `fit`; one of them is required.
        seeds: How many runs of each policy, an integer > 0.
        peak: The peak of all policies, a number > 0; `None` to tune each.
        monitor: The metric that decides, after the last epoch: by default the first compiled metric on the validation
            data, else `"val_loss"`.
        mode: `"min"` or `"max"`, where the name of the metric does not tell whether less of it is better.
        jobs: How many policies are trained at once in processes, by joblib; the data and the function are sent there.
            On the CPU the results are those of one process, bit for bit.
        folder: Where to write `compare.json`, after each run, `best.keras` and `compare.png`.
        verbose: 0 for no progress bar, 2 for a line for each run.

    Returns:
        A `Comparison` with `rows`, `best`, `code`, `model` and `plot()`; its text is the table and the answer.

    Raises:
        TypeError, ValueError: An argument breaks its rule, before any training.
    """
    given = dict(locals())
    return call_and_restore(lambda: prepare(**given)(), [snapshot_random_states()])


def prepare(
    model: Any,
    x: Any,
    y: Any,
    *,
    policies: Any,
    epochs: Any,
    validation_data: Any,
    validation_split: Any,
    batch_size: Any,
    seeds: Any,
    peak: Any,
    monitor: Any,
    mode: Any,
    jobs: Any,
    folder: Any,
    verbose: Any,
) -> Callable[[], Comparison]:
    """Check the arguments of `compare_policies`, the model, the data and each policy; a function that compares."""
    for name, value in (("seeds", seeds), ("jobs", 1 if jobs is None else jobs)):
        if not arguments.is_integer(value) or value < 1:
            arguments.reject(OWNER, name, "an integer > 0", value)
    if peak is not None:
        peak = arguments.validate_as(arguments.POSITIVE, OWNER, "peak", peak)
    problem = read_problem(model, x, y, epochs, batch_size, validation_data, validation_split)
    read = read_policies(policies, problem.epochs)
    trial = problem.model(0)
    batches, steps = problem.steps(trial)
    for policy in read:
        policy.check(trial, steps)
    if peak is None and steps < FEWEST and any(policy.has_peak(steps) for policy in read):
        remedy = f"Or pass a `peak`. The data gives {steps}."
        arguments.reject(OWNER, "epochs", f"enough for {FEWEST} updates, to tune a peak", epochs, remedy)
    plan = Plan(problem, problem.judge(trial, monitor, mode), int(seeds), batches, steps, peak)
    return Runner(read, plan, jobs, folder, verbose).compare
