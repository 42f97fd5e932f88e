"""Records the hyperparameters that were applied, at each step and in `logs`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..optimizers.inspection import applied_values, batch_count
from ..schedules import arguments
from . import fit
from .events import Events
from .optimizer_callback import OptimizerCallback


class Monitor(OptimizerCallback):
    """Adds the values that were applied to `logs` each epoch, and records them for each step.

    It covers the learning rate and every hyperparameter that `scheduled` or a
    callback manages, of every optimizer: numbers for History, the progress bar,
    `CSVLogger`, TensorBoard's callback and others, wherever it is in the list.
    `logs` gets the value that the last update of the epoch used. With several
    optimizers the names end in theirs, as in `learning_rate_adam`, or in the attributes of the
    model that hold them, as in `learning_rate_g_optimizer`.

    It reads the device once an epoch. The values of steps are computed from the
    schedules, so it costs nothing per step and is exact with `steps_per_execution`.
    A hyperparameter that follows no schedule is taken to have had its value at the
    end of the epoch all the time.

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
        log_dir: A folder for TensorBoard. The value of each step is written there at
            the end of its epoch, by the number of the batch; `None` for none.
        optimizer: Which optimizers: attributes of the model that hold them, their names, or the
            optimizers themselves, one or a list. By default all optimizers that are attributes
            of the model.

    Raises:
        TypeError: `log_dir` is not a path.

    Attributes:
        steps: For each name an array of the values, one for each batch since `fit` began.
    """

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
        self._events = None if self.log_dir is None else Events(os.fspath(self.log_dir))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first_batches = [batch_count(inner) for inner in self.optimizers]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        for begin, optimizer in zip(self._first_batches, self.optimizers, strict=True):
            applied = applied_values(optimizer, begin, batch_count(optimizer))
            series = {self.name_in_logs(name, optimizer): values for name, values in applied.items()}
            for name, values in series.items():
                self._epochs.setdefault(name, []).append(values)
                if logs is not None and len(values):
                    logs[name] = float(values[-1])
            if self._events is not None:
                self._events.write(begin, series)

    @property
    def steps(self) -> dict[str, np.ndarray]:
        # Concatenated here, because doing so at each epoch would copy all previous ones.
        return {name: np.concatenate(epochs) for name, epochs in self._epochs.items()}

    def on_train_end(self, logs: Any = None) -> None:
        if self._events is not None:
            self._events.close()

    def plot(self, **options: Any) -> Any:
        """Draw the record, a panel for each hyperparameter; see `plotting.plot_monitor`."""
        from ..plotting import plot_monitor

        return plot_monitor(self, **options)
