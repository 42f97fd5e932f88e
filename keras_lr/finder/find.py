"""Runs the learning-rate range test on a compiled model, and restores the model: `find_learning_rate`."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from ..optimizers.hyperparameters import BELOW_ONE, NAMES, has_hyperparameter
from ..optimizers.inspection import inner_optimizers
from ..schedules import arguments
from ..schedules.hints import with_hints
from .data import read_data, with_batch_size
from .loss_curve import find_end
from .preserved import reseed_tensorflow
from .progress import Progress
from .range_test import RangeTest
from .training import ShortTrainings, restoring

OWNER = "find_learning_rate"
MOST = 1_000_000  # steps, and repeats


@with_hints
def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    steps: int = 100,
    repeats: int = 1,
    hyperparameter: str = "learning_rate",
    batch_size: int | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    shuffle: bool = True,
    verbose: Any = "auto",
) -> RangeTest:
    """Run a range test: train for some steps while the learning rate rises, and report where the loss falls.

    The rate of update t is `minimum * (maximum / minimum) ** (t / (steps - 1))`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> keras.utils.set_random_seed(0)
    >>> x = np.random.normal(size=[256, 3]).astype("float32")
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    >>> found = klr.find_learning_rate(model, x, x.sum(axis=1), batch_size=64, verbose=0)
    >>> found.recommended.reliability
    'fair'
    >>> rate = klr.one_cycle(peak=found.recommended.peak, steps=klr.epochs(12))

    Afterwards everything is restored, bit for bit, also if it is interrupted: weights, the optimizer (its class,
    moments, iterations and rate), the state of BatchNorm and other layers, metrics, compiled functions, `history`,
    and the random states of Python, numpy, Keras and the backend. Training continues as if there had been no test.
    Two things remain. A model that was not built is built, with the weights that `fit` would start with. And data
    is used: a generator has yielded its batches, and a `tf.data` pipeline that reshuffles has done so once.

    The rate is a schedule inside the compiled step, which also records the loss of each batch before its update,
    instead of Keras' running mean. The sweep always starts at step 0. It ends early if the smoothed loss exceeds 4
    times its lowest value or is not finite. Data that is shorter than the sweep is repeated. With gradient
    accumulation there is one rate per update, whose loss is the mean of its batches. Optimizers with different
    rates, such as those of `layerwise`, keep the ratios of their rates; the sweep is that of the largest.

    Args:
        model: A compiled model.
        x, y, batch_size, sample_weight, class_weight, shuffle: As for `fit`.
        minimum: The first rate, a number > 0; 1e-7 by default.
        maximum: The last rate, a number > `minimum`; 10 by default.
        steps: The number of rates, an integer > 1; each is used for one update.
        repeats: The number of sweeps over different batches, an integer > 0. With several,
            the suggestions have a spread.
        hyperparameter: The hyperparameter to sweep, as for `scheduled`: "momentum", "weight_decay", ...
            For all but the learning rate, `minimum` and `maximum` are required.
        verbose: 0 for no progress bar.

    Returns:
        A `RangeTest` with `recommended`, `rates`, `losses`, `smoothed`, `suggestions` and `plot()`.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or a custom `train_step` of
            the model returns no `loss`.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2015 (arXiv 1506.01186).
    """
    check_model(OWNER, model, hyperparameter)
    rates = _rates(hyperparameter, minimum, maximum, steps)
    if not arguments.is_integer(repeats) or not 1 <= repeats <= MOST:
        arguments.reject(OWNER, "repeats", f"an integer > 0, at most {MOST:,}", repeats)
    data = read_data(OWNER, x, y, batch_size, sample_weight, class_weight)
    data = with_batch_size(data) | {"shuffle": shuffle}
    bar = Progress(steps * repeats, verbose)

    def sweep_all() -> list[np.ndarray]:
        trainings = ShortTrainings(model, hyperparameter, steps, data)
        losses = [sweep(trainings, hyperparameter, rates, bar) for _ in range(repeats)]
        if not len(losses[0]):
            arguments.reject(OWNER, "x", "data with at least one batch", x)
        return losses

    return RangeTest.of(rates, restoring(OWNER, model, data, sweep_all), hyperparameter)


def sweep(trainings: ShortTrainings, name: str, values: np.ndarray, bar: Progress) -> np.ndarray:
    """The losses of a training while a hyperparameter rises, until they have diverged."""

    def is_over(losses: np.ndarray) -> bool:
        bar.show(len(losses), {name: values[len(losses) - 1], "loss": losses[-1]} if len(losses) else {})
        return find_end(losses) is not None

    reseed_tensorflow()
    losses = trainings.train(values, is_over)
    bar.add(len(values))
    return losses


def check_model(owner: str, model: Any, name: str) -> None:
    """Refuse what is not a compiled model, or one whose optimizer has no hyperparameter `name`."""
    if not isinstance(model, keras.Model) or not model.compiled or model.optimizer is None:
        arguments.reject(owner, "model", "a model compiled with an optimizer", model, error=TypeError)
    optimizers = inner_optimizers(model.optimizer)
    others = [other for other in NAMES if other != "learning_rate"]  # reading it fails if its schedule is not bound
    found = {other for one in optimizers for other in others if has_hyperparameter(one, other)}
    known = sorted({"learning_rate"} | found)
    if not arguments.is_one_of(name, known):
        arguments.reject(owner, "hyperparameter", f"one that the optimizer has: {', '.join(known)}", name)


def _rates(name: str, minimum: Any, maximum: Any, steps: Any) -> np.ndarray:
    is_rate, below = name == "learning_rate", 1.0 if name in BELOW_ONE else math.inf
    rule = "a number > 0" + " and < 1" * (below == 1)
    ends = {"minimum": 1e-7 if is_rate and minimum is None else minimum}
    ends["maximum"] = 10.0 if is_rate and maximum is None else maximum
    for argument, value in ends.items():
        if value is None:
            arguments.reject(OWNER, argument, f"given for `{name}`, {rule}", value)
        try:
            ends[argument] = arguments.number(value, above=0.0, below=below)
        except TypeError:
            arguments.reject(OWNER, argument, rule, value, error=TypeError)
        if ends[argument] is None:
            arguments.reject(OWNER, argument, rule, value)
    if ends["minimum"] >= ends["maximum"]:
        arguments.reject(OWNER, "maximum", f"more than `minimum`, {ends['minimum']:g}", ends["maximum"])
    if not arguments.is_integer(steps) or not 2 <= steps <= MOST:
        arguments.reject(OWNER, "steps", f"an integer > 1, at most {MOST:,}", steps)
    return np.geomspace(ends["minimum"], ends["maximum"], steps)
