"""Records the values of hyperparameters that were applied, for each step and in `logs`."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import keras
import numpy as np

from ..optimizers.depth import layers_of, shortened
from ..optimizers.inspection import applied_values, batch_count
from ..schedules import arguments
from . import batch_logs, fit
from .events import Events
from .optimizer_callback import OptimizerCallback


class Monitor(OptimizerCallback):
    """Logs the values that were applied in each epoch, and records them for each step.

    At the end of each epoch, it adds the learning rate, and every hyperparameter that
    `scheduled` or a callback manages, to `logs`: the value that the last update used.
    From there, History, the progress bar, `CSVLogger`, Keras' `TensorBoard` and other
    callbacks take them, in any order of the list. A callback that reads the `logs` of
    batches finds the values there, too.

    With several optimizers, each name has a suffix: the optimizer's name, as in
    `learning_rate_adam`; the attribute that holds it, as in
    `learning_rate_g_optimizer`; or its factor in `layerwise`, as in
    `learning_rate_0.1`. If one optimizer contains the others, there is also a name
    without a suffix. It belongs to the optimizer with factor 1, or else the largest
    factor, or else to the default of a `MultiOptimizer`.

    It reads the device once per epoch. The values of steps are computed from the
    schedules, so that they cost nothing per step and are exact with
    `steps_per_execution`. Without a schedule, they are exact only at the end of each
    epoch; see `steps`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Linear(0.5, 0.0, steps=4)), loss="mse")
    >>> monitor = klr.Monitor()
    >>> history = model.fit(np.ones([4, 3]), np.ones([4]), batch_size=2, epochs=2, callbacks=[monitor], verbose=0)
    >>> history.history["learning_rate"]
    [0.375, 0.125]
    >>> monitor.steps["learning_rate"]
    array([0.5  , 0.375, 0.25 , 0.125])

    Args:
        log_dir: A folder for TensorBoard files with the value of each step, which are written at
            the end of each epoch. `"auto"` is the folder of Keras' `TensorBoard` callback in the
            list, if there is one; `None` writes nothing. Step 1 is the first batch of the
            optimizer, or the first batch of `fit` if Keras' callback counts like that
            (`update_freq`).
        optimizer: The optimizers to log, one or a list: the names of model attributes that hold
            them, their own names, or the optimizers themselves. By default, all optimizers that
            are attributes of the model.

    Raises:
        TypeError: `log_dir` is not a path.

    Attributes:
        steps: For each name, an array with the value of each batch since `fit` began, without
            batches that the loss scaling skipped. What follows no schedule, such as a rate that
            another callback sets, is assumed to have had its last value in the whole epoch. A rule
            and `PlateauReducer` are assumed to have multiplied the schedule by their last factor.
        layers: For each name, the layers that this value applies to, if one optimizer contains
            several, as with `layerwise`; otherwise empty.
    """

    of_the_run: ClassVar[tuple[str, ...]] = ("_events", "_outer_optimizers", "_batch_logs")
    takes_all_optimizers = True

    def __init__(self, *, log_dir: str | os.PathLike[str] | None = "auto", optimizer: Any = None):
        super().__init__(optimizer)
        if log_dir is not None and not isinstance(log_dir, str | os.PathLike):
            arguments.reject(self, "log_dir", "a path", log_dir, error=TypeError)
        self.log_dir = log_dir
        self.layers: dict[str, tuple[str, ...]] = {}
        self._epochs: dict[str, list[np.ndarray]] = {}
        self._events: Events | None = None
        self._batch_logs: batch_logs.BatchLogs | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_callbacks(self)
        fit.move_first(self)
        self._epochs, self.layers = {}, {}
        boards = [one for one in fit.other_callbacks(self) if isinstance(one, keras.callbacks.TensorBoard)]
        folder = self.log_dir
        if folder == "auto":
            # The folder to which Keras writes the curves of batches, too.
            folder = os.path.join(boards[0].log_dir, "train") if boards else None
        self._events = None if folder is None else Events(os.fspath(folder))
        self._counts_from_fit = any(board.update_freq != "epoch" for board in boards)
        self._first_of_fit: list[int] | None = None
        self._remove_batch_logs()  # in case an earlier `fit` was interrupted
        if batch_logs.is_wanted(self):  # otherwise no hook, because on JAX a hook costs a synchronization
            self._batch_logs = self.__dict__[batch_logs.HOOK] = batch_logs.BatchLogs(self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizers = self.optimizers
        self._first_batches = [batch_count(inner) for inner in optimizers]
        if self._first_of_fit is None:
            self._first_of_fit = self._first_batches
        if self._batch_logs is not None:
            self._batch_logs.begin_epoch(optimizers, self._first_batches)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        optimizers = self.optimizers
        begins = self._first_batches or [0] * len(optimizers)  # of a `MultiOptimizer` that was not built yet
        values = [applied_values(one, begin, batch_count(one)) for one, begin in zip(optimizers, begins, strict=True)]
        if any(hasattr(outer, "optimizers") for outer in self._outer_optimizers) and not self.layers:
            layers = layers_of(self.model, optimizers)
            shown = [dict.fromkeys(own, layers[index]) for index, own in enumerate(values)]
            self.layers = self.by_name(optimizers, shown)
        for name, series in self.by_name(optimizers, values).items():
            self._epochs.setdefault(name, []).append(series)
            if logs is not None and len(series):
                logs[name] = float(series[-1])
        if self._events is not None:
            offsets = (self._counts_from_fit and self._first_of_fit) or [0] * len(optimizers)
            firsts = [begin - offset + 1 for begin, offset in zip(begins, offsets, strict=True)]
            numbered = [
                {name: (first, series) for name, series in own.items()}
                for first, own in zip(firsts, values, strict=True)
            ]
            self._events.write(self.by_name(optimizers, numbered))

    @property
    def steps(self) -> dict[str, np.ndarray]:
        # Concatenated here, because doing so at each epoch would copy all previous ones.
        return {name: np.concatenate(epochs) for name, epochs in self._epochs.items()}

    def on_train_end(self, logs: Any = None) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None
        self._remove_batch_logs()

    def _remove_batch_logs(self) -> None:
        self._batch_logs = None
        self.__dict__.pop(batch_logs.HOOK, None)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop(batch_logs.HOOK, None)
        return state

    def __repr__(self) -> str:
        if not self._epochs:
            return "Monitor: no records yet. Pass it to `fit(callbacks=[...])`."
        steps = {name: values for name, values in self.steps.items() if len(values)}
        epochs, count = max(map(len, self._epochs.values())), max(map(len, steps.values()), default=0)
        rows = [["", "first", "last", "lowest", "highest", ""]]
        for name, values in steps.items():
            ends = (values[0], values[-1], values.min(), values.max())
            rows.append([name, *(f"{value:.4g}" for value in ends), shortened(self.layers.get(name, ()))])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        head = f"Monitor: {epochs} epoch{'s' * (epochs != 1)}, {count:,} step{'s' * (count != 1)}"
        return "\n  ".join([head, *lines, "`monitor.plot()` draws them, `monitor.steps` has the value of each step."])

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(lambda: self.plot()[0], repr(self)) if self._epochs else None

    def plot(self, **options: Any) -> Any:
        """Draw the recorded values, with a panel for each hyperparameter; see `plotting.plot_monitor`."""
        from ..plotting import plot_monitor

        return plot_monitor(self, **options)
