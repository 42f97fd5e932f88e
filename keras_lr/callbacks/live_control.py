"""Changes hyperparameters of a running `fit` as a file says that is edited meanwhile."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import build, follows_schedule, leaves, retrace
from ..optimizers.mixin import FACTOR, swap
from ..schedules import arguments
from ..schedules.spans import is_integer
from . import fit, live_commands
from .live_commands import structure
from .plateau_reducer import PlateauReducer

NOTE = "live_control"


class LiveControl(keras.callbacks.Callback):
    """Changes the learning rate or another hyperparameter of a running `fit` as a small JSON file says.

    The file names hyperparameters, each with one command: `{"set": 0.01}` puts a
    number in the place of a number or a schedule, in all optimizers inside;
    `{"multiply": 0.5}` multiplies a number, or what a schedule of the rate gives
    from then on; `{"hold": true}` keeps a schedule at its present value, `false` has
    it go on at its own step. `{"stop": true}` ends the training after the epoch.

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

    It looks at the beginning of each epoch. A content of the file, which its bytes
    and the time of its change tell apart, is applied once, and whole or not at all:
    this is saved with the optimizer, so a restart does not repeat it. What can't be
    applied is reported and ignored. With several workers each must find the same file.

    Args:
        path: The file. It may be missing.
        every: Look also after every so many batches, an integer > 0, or `None`. It costs a read
            of the file; on JAX, which else leaves the model's state on the device for the
            whole epoch, a new content also brings that state back.
        verbose: Whether to print a line for what is applied or ignored, 0 or 1.

    Attributes:
        applied: What was applied: dictionaries with `time`, `epoch`, `batch`, `iteration`,
            `hyperparameter`, `command` and `value`, the new one, or a list for several optimizers.
        log_path: A file beside the other, `control.applied.jsonl` for `control.json`, to which
            they are appended, one a line.

    Raises:
        TypeError, ValueError: An argument breaks its rule.
    """

    def __init__(self, path: str | os.PathLike, *, every: int | None = None, verbose: int = 1):
        super().__init__()
        if not isinstance(path, str | os.PathLike) or not Path(path).name:
            arguments.reject(self, "path", "the path of a file", path, error=TypeError)
        if every is not None and (not is_integer(every) or every < 1):
            arguments.reject(self, "every", "an integer > 0 or None", every)
        if verbose not in (0, 1):
            arguments.reject(self, "verbose", "0 or 1", verbose)
        self.path, self.every, self.verbose = Path(path), every, verbose
        self.log_path = self.path.with_suffix(".applied.jsonl")
        self.applied: list[dict[str, Any]] = []

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, where `BackupAndRestore` loads what must be there by then.
        build(model)
        before = structure(model)
        for part in leaves(model.optimizer):
            swap(part, {FACTOR: True} if follows_schedule(part) else {})
        if before != structure(model):
            retrace(model)

    def on_train_begin(self, logs: Any = None) -> None:
        self._seen: bytes | str | None = None  # anew, since what was applied may have been taken back by a restore
        self._stop = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._looked = epoch, 0
        self._look(0)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # A difference, since with `steps_per_execution` not every batch is announced.
        if self.every is not None and batch - self._looked >= self.every:
            self._looked = batch
            self._look(batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._stop:
            self.model.stop_training = True  # only here: set earlier, it would end the epoch, too

    def _look(self, batch: int) -> None:
        try:
            with open(self.path, "rb") as file:
                content, changed = file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return
        except OSError as error:
            if self._seen != str(error):
                self._seen = str(error)
                self._say(f"ignores {self.path}: {error}")
            return
        seen = hashlib.sha256(b"%d:" % changed + content).digest()
        if seen == self._seen or not content.strip():
            return
        parts = leaves(self.model.optimizer)  # by `self.model`, which brings the state of a running JAX epoch back
        if not parts:
            return  # a `MultiOptimizer` before its first step; looked at again after it
        self._seen, note = seen, np.frombuffer(seen, "uint8")
        if np.array_equal(parts[0]._book.notes.get(NOTE), note):
            return
        try:
            self._obey(live_commands.read(content, self.path.name), batch)
        except (TypeError, ValueError) as error:
            self._say(f"ignores {self.path}: {error}")
        else:
            parts[0]._book.notes[NOTE] = note

    def _obey(self, commands: dict[str, Any], batch: int) -> None:
        model, before = self.model, structure(self.model)
        by_name = {name: command for name, command in commands.items() if name != "stop"}
        try:
            # All is checked and prepared, which changes no value, before the first change is made.
            changes = [change for name, command in by_name.items() for change in self._changes(name, command)]
            for change in changes:
                change()
        finally:
            if before != structure(model):
                retrace(model)
        for name, command in by_name.items():
            self._record(batch, name, command)
        if "stop" in commands:
            self._stop = commands["stop"]
            self._record(batch, None, {"stop": self._stop})

    def _changes(self, name: str, command: dict[str, Any]) -> list[Callable[[], Any]]:
        for other in fit.others(self):
            relative = isinstance(other, PlateauReducer | keras.callbacks.ReduceLROnPlateau)
            always = name == "learning_rate" and isinstance(other, keras.callbacks.LearningRateScheduler)
            if always or (getattr(other, "hyperparameter", None) == name and not relative):
                raise ValueError(f"`{type(other).__name__}` sets `{name}`, and would undo it.")
        return live_commands.changes(leaves(self.model.optimizer), name, command, self.path.name)

    def _record(self, batch: int, name: str | None, command: dict[str, Any]) -> None:
        parts = leaves(self.model.optimizer)
        count = int(keras.ops.convert_to_numpy(parts[0]._iterations))
        values = [] if name is None else live_commands.values(parts, name)
        entry = {
            "time": datetime.datetime.now().isoformat(timespec="seconds"),
            "epoch": self._epoch,
            "batch": int(batch),
            "iteration": count,
            "hyperparameter": name,
            "command": command,
            "value": values if len(values) > 1 else next(iter(values), None),
        }
        self.applied.append(entry)
        said = f"{name} {json.dumps(command)} -> {entry['value']}" if name else json.dumps(command)
        self._say(f"epoch {self._epoch}, batch {batch}: {said}", separator=": ")
        try:
            with open(self.log_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:  # a full disk is no reason to end a training
            self._say(f"can't write {self.log_path}: {error}")

    def _say(self, message: str, separator: str = " ") -> None:
        if self.verbose and keras.config.is_interactive_logging_enabled():
            print(f"LiveControl{separator}{message}".replace("\n", " "))
