"""Shows the hyperparameters that were applied, in `logs` and in a record of every step."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import applied_values, batches_seen, leaves
from ..schedules import arguments
from . import fit
from .events import Events


class Monitor(keras.callbacks.Callback):
    """Puts the values that were applied into `logs` each epoch, and records them for each step.

    The learning rate and every hyperparameter that `scheduled` or a callback has
    taken in hand, of every optimizer: numbers for History, the progress bar,
    `CSVLogger`, TensorBoard's callback and others, wherever it stands in the list.
    `logs` have the value that the last update of the epoch used. With several
    optimizers the names end in theirs, as in `learning_rate_adam`.

    It reads the device once an epoch; values of steps are computed from the
    schedules, so it costs nothing per step and is exact with `steps_per_execution`.
    What follows no schedule is taken to have been what it is when the epoch ends.

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
        log_dir: A folder for TensorBoard, where the value of each step is written at
            the end of its epoch, by the number of the batch; `None` for none.

    Raises:
        TypeError: `log_dir` is no path.

    Attributes:
        steps: For each name an array of the values, one for each batch since `fit` began.
    """

    def __init__(self, *, log_dir: str | os.PathLike[str] | None = None):
        super().__init__()
        if log_dir is not None and not isinstance(log_dir, str | os.PathLike):
            arguments.reject(self, "log_dir", "a path", log_dir, error=TypeError)
        self.log_dir = log_dir
        self._epochs: dict[str, list[np.ndarray]] = {}
        self._events: Events | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        fit.be_first(self)
        self._epochs = {}
        self._events = None if self.log_dir is None else Events(os.fspath(self.log_dir))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._begin = [batches_seen(part) for part in leaves(self.model.optimizer)]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        parts = leaves(self.model.optimizer)
        for begin, part in zip(self._begin, parts, strict=True):
            end = "" if len(parts) == 1 else f"_{part.name}"
            series = {name + end: v for name, v in applied_values(part, begin, batches_seen(part)).items()}
            for name, values in series.items():
                self._epochs.setdefault(name, []).append(values)
                if logs is not None and len(values):
                    logs[name] = float(values[-1])
            if self._events is not None:
                self._events.write(begin, series)

    @property
    def steps(self) -> dict[str, np.ndarray]:
        # Put together here, since at each epoch it would copy all epochs before.
        return {name: np.concatenate(epochs) for name, epochs in self._epochs.items()}

    def on_train_end(self, logs: Any = None) -> None:
        if self._events is not None:
            self._events.close()

    def plot(self, **options: Any) -> Any:
        """Draw what was recorded, a panel for each hyperparameter; see `plotting.plot_monitor`."""
        from ..plotting import plot_monitor

        return plot_monitor(self, **options)
