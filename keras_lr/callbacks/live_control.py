"""Changes hyperparameters of a running `fit` by commands in a file."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..optimizers.compiled_step import atomic_change
from ..optimizers.inspection import batch_count, is_scheduled
from ..optimizers.manage import manage
from ..optimizers.state import FACTOR
from ..schedules import arguments
from ..schedules.exact import is_integer
from . import fit, live_commands
from .optimizer_callback import OptimizerCallback
from .plateau_reducer import PlateauReducer

STATE_KEY = "live_control"
LARGEST_FILE = 1_000_000  # bytes; commands are some hundred


class LiveControl(OptimizerCallback):
    """Changes hyperparameters of a running `fit` by commands in a small JSON file.

    The file has one command for each hyperparameter, as in `{"learning_rate": {"set": 0.01}}`:

    * `{"set": 0.01}` replaces a number or a schedule by a number, in all inner optimizers.
    * `{"multiply": 0.5}` multiplies a number, or from then on the schedule of the learning rate.
    * `{"hold": true}` keeps a schedule at its current value; `false` lets it continue at the current step.

    `{"stop": true}` ends the training after the epoch.

    >>> import keras, numpy as np, pathlib, tempfile, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Constant(0.1)), loss="mse")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "control.json")
    >>> control = klr.LiveControl(path)
    >>> _ = path.write_text('{"learning_rate": {"multiply": 0.5}}')  # in an editor, while it trains
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=2, callbacks=[control], verbose=0)
    LiveControl: epoch 0, batch 0: learning_rate {"multiply": 0.5} -> 0.05
    >>> float(model.optimizer.learning_rate)
    0.05000000074505806

    The file is read at the start of each epoch. Each version of it, identified by its content
    and modification time, is applied once, completely or not at all; a restart does not
    repeat it. Commands that can't be applied are reported and ignored.

    Args:
        path: The file. It may be missing.
        every: Also read the file after this many batches, an integer > 0; `None` to read it only at the start of
            epochs. On JAX, each new content copies the state of the model from the device.
        verbose: 1 to print a line for each command that is applied or ignored, 0 for none.
        optimizer: Which optimizer, if the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Attributes:
        applied: A list of the applied commands: dictionaries with `time`, `epoch`, `batch`, `iteration`,
            `hyperparameter`, `command` and the new `value`, a list for several optimizers.
        log_path: The file that these are appended to, one per line: `control.applied.jsonl` for `control.json`.

    Raises:
        TypeError, ValueError: An argument breaks its rule. At the start of `fit`: there are several processes, which
            would read the file at different times.
    """

    def __init__(self, path: str | os.PathLike, *, every: int | None = None, verbose: int = 1, optimizer: Any = None):
        super().__init__(optimizer, verbose)
        if not isinstance(path, str | os.PathLike) or not Path(path).name:
            arguments.reject(self, "path", "the path of a file", path, error=TypeError)
        if every is not None and (not is_integer(every) or every < 1):
            arguments.reject(self, "every", "an integer > 0 or None", every)
        self.path, self.every = Path(path), every
        self.log_path = self.path.with_suffix(".applied.jsonl")
        self.applied: list[dict[str, Any]] = []

    def set_model(self, model: Any) -> None:
        if fit.process_count(model) > 1:
            raise ValueError(
                "`LiveControl` works in one process only: several would read the file at different times, and train "
                f"different weights. Leave it out. Received: {fit.process_count(model)} processes"
            )
        super().set_model(model)
        # Before any `on_train_begin`, in which `BackupAndRestore` loads the state.
        self.build()
        with atomic_change(self._outer_optimizers, model):
            for optimizer in self.optimizers:
                manage(optimizer, {FACTOR: True} if is_scheduled(optimizer) else {})

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_callbacks(self)
        self._last_read: bytes | str | None = None  # reset, because a restore may have undone what was applied
        self._stop = False
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._last_batch = epoch, 0
        if self._is_first_epoch:  # now, because a callback further down the list may load a backup
            self._check_saved_state()
        self._is_first_epoch = False
        self._read_file(0)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # By the difference, because `steps_per_execution` skips batches.
        if self.every is not None and batch - self._last_batch >= self.every:
            self._last_batch = batch
            self._read_file(batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        if self._stop:
            self.model.stop_training = True  # only here: earlier, it would also end the epoch

    def _check_saved_state(self) -> None:
        for optimizer in self.optimizers:
            saved = np.asarray(optimizer._managed.callback_state.get(STATE_KEY, np.zeros(32, "uint8")))
            if saved.shape != (32,) or saved.dtype != "uint8":
                del optimizer._managed.callback_state[STATE_KEY]
                warnings.warn(
                    "`LiveControl`: The saved record of the last applied file is damaged. The commands in "
                    f"{self.path} will be applied again, unless you remove them.",
                    stacklevel=2,
                )

    def _read_file(self, batch: int) -> None:
        try:
            content, changed = _read(self.path)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            if self._last_read != str(error):
                self._last_read = str(error)
                self._print(f"ignores {self.path}: {error}")
            return
        digest = hashlib.sha256(b"%d:" % changed + content).digest()
        if digest == self._last_read or not content.strip():
            return
        optimizers = self.optimizers
        if not optimizers:
            return  # a `MultiOptimizer` before its first step; the file is read again after it
        self._last_read, saved_digest = digest, np.frombuffer(digest, "uint8")
        if np.array_equal(optimizers[0]._managed.callback_state.get(STATE_KEY), saved_digest):
            return
        try:
            self._apply(live_commands.parse(content, self.path.name), batch, saved_digest)
        except Exception as error:  # whatever is in the file, training continues
            self._print(f"ignores {self.path}: {error}")

    def _apply(self, commands: dict[str, Any], batch: int, digest: np.ndarray) -> None:
        by_name = {name: command for name, command in commands.items() if name != "stop"}
        with atomic_change(self._outer_optimizers, self.model):
            # All commands are validated and prepared, which changes no value, before the first change is made.
            for change in [change for name, command in by_name.items() for change in self._prepare(name, command)]:
                change()
            self.optimizers[0]._managed.callback_state[STATE_KEY] = digest
        for name, command in by_name.items():
            self._record(batch, name, command)
        if "stop" in commands:
            self._stop = commands["stop"]
            self._record(batch, None, {"stop": self._stop})

    def _prepare(self, name: str, command: dict[str, Any]) -> list[Callable[[], Any]]:
        for other in fit.other_callbacks(self):
            is_relative = isinstance(other, PlateauReducer | keras.callbacks.ReduceLROnPlateau)
            sets_rate = name == "learning_rate" and isinstance(other, keras.callbacks.LearningRateScheduler)
            if sets_rate or (getattr(other, "hyperparameter", None) == name and not is_relative):
                raise ValueError(f"`{type(other).__name__}` sets `{name}`, and would undo it.")
        return live_commands.prepare(self.optimizers, name, command, self.path.name)

    def _record(self, batch: int, name: str | None, command: dict[str, Any]) -> None:
        optimizers = self.optimizers
        values = [] if name is None else live_commands.next_values(optimizers, name)
        entry = {
            "time": datetime.datetime.now().isoformat(timespec="seconds"),
            "epoch": self._epoch,
            "batch": int(batch),
            "iteration": batch_count(optimizers[0]),
            "hyperparameter": name,
            "command": command,
            "value": values if len(values) > 1 else next(iter(values), None),
        }
        self.applied.append(entry)
        text = f"{name} {json.dumps(command)}" if name else json.dumps(command)
        text += "" if entry["value"] is None else f" -> {entry['value']}"
        self._print(f"epoch {self._epoch}, batch {batch}: {text}", separator=": ")
        try:
            with open(self.log_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:  # a full disk must not end the training
            self._print(f"can't write {self.log_path}: {error}")

    def _print(self, message: str, separator: str = " ") -> None:
        if self.verbose and keras.config.is_interactive_logging_enabled():
            print(f"LiveControl{separator}{message}".replace("\n", " "))


def _read(path: Path) -> tuple[bytes, int]:
    """The content of a small file, and the time of its last change."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for its other end
        raise OSError("it is no regular file.")
    if status.st_size > LARGEST_FILE:
        raise OSError(f"it has {status.st_size:,} bytes, and at most {LARGEST_FILE:,} are read.")
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE), os.fstat(file.fileno()).st_mtime_ns
