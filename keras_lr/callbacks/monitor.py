"""Records the hyperparameters that were applied, at each step and in `logs`."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import keras
import numpy as np

from ..optimizers.inspection import applied_values, batch_count
from ..schedules import arguments
from . import fit
from .events import Events
from .optimizer_callback import OptimizerCallback


class Monitor(OptimizerCallback):
    """Adds the values that were applied to `logs` each epoch, and records them for each step.

    It logs the learning rate and every hyperparameter that `scheduled` or a callback
    manages, for History, the progress bar, `CSVLogger`, TensorBoard's callback and
    others, wherever they are in the list. `logs` gets the value that the last update of
    the epoch used.

    With several optimizers, names end in the optimizer's name, as in
    `learning_rate_adam`, in the attribute that holds it, as in
    `learning_rate_g_optimizer`, or in its factor of `layerwise`, as in
    `learning_rate_0.1`. Names without an ending are those of the optimizer with
    factor 1, or else the largest factor, or else of the default of a `MultiOptimizer`.

    It reads the device once per epoch. The values of steps are computed from the
    schedules, so it costs nothing per step and is exact with `steps_per_execution`.
    A hyperparameter without a schedule is recorded with its value at the end of the
    epoch.

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
        log_dir: A folder for TensorBoard; `"auto"` for that of Keras' `TensorBoard` callback in the
            list, which KerasTuner sets for each trial; `None` for none. The value of each step is
            written at the end of its epoch. Batches count from 1 for the first batch of the
            optimizer, or of `fit` if Keras' callback does so (`update_freq`).
        optimizer: Which optimizers: attributes of the model that hold them, their names, or the
            optimizers themselves, one or a list. By default all optimizers that are attributes
            of the model.

    Raises:
        TypeError: `log_dir` is not a path.
        ValueError: At the start of `fit`: it is `"auto"`, and there is no `TensorBoard` callback.

    Attributes:
        steps: For each name an array with a value for each batch since `fit` began, without the
            batches that a loss scale skipped.
    """

    of_the_run: ClassVar[tuple[str, ...]] = ("_events", "_outer_optimizers")
    takes_all_optimizers = True

    def __init__(self, *, log_dir: str | os.PathLike[str] | None = None, optimizer: Any = None):
        super().__init__(optimizer)
        if log_dir is not None and not isinstance(log_dir, str | os.PathLike):
            arguments.reject(self, "log_dir", "a path", log_dir, error=TypeError)
        self.log_dir = log_dir
        self._epochs: dict[str, list[np.ndarray]] = {}
        self._events: Events | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_callbacks(self)
        fit.move_first(self)
        self._epochs = {}
        boards = [one for one in fit.other_callbacks(self) if isinstance(one, keras.callbacks.TensorBoard)]
        folder = self.log_dir
        if folder == "auto":
            if not boards:
                rule = 'a folder where there is no `TensorBoard` callback, whose folder "auto" is'
                arguments.reject(self, "log_dir", rule, folder)
            folder = os.path.join(boards[0].log_dir, "train")  # where it writes the curves of batches, too
        self._events = None if folder is None else Events(os.fspath(folder))
        self._counts_from_fit = any(board.update_freq != "epoch" for board in boards)
        self._first_of_fit: list[int] | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first_batches = [batch_count(inner) for inner in self.optimizers]
        if self._first_of_fit is None:
            self._first_of_fit = self._first_batches

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        optimizers = self.optimizers
        begins = self._first_batches or [0] * len(optimizers)  # of a `MultiOptimizer` that was not built yet
        values = [applied_values(one, begin, batch_count(one)) for one, begin in zip(optimizers, begins, strict=True)]
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

    def plot(self, **options: Any) -> Any:
        """Draw the record, a panel for each hyperparameter; see `plotting.plot_monitor`."""
        from ..plotting import plot_monitor

        return plot_monitor(self, **options)
