"""Keeps schedules in step with the epochs when `BackupAndRestore(save_freq=n)` resumes in the middle of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from ..optimizers.inspection import batch_count, inner_optimizers, schedules_of
from . import fit


def rewind_iterations(callback: Any, epoch: int) -> None:
    """Set the step count of a restored optimizer back to the beginning of the epoch that Keras restarts.

    To be called when the first epoch of a `fit` begins. An optimizer that was saved in
    the middle of an epoch has counted its batches, and Keras trains on all of them again.
    """
    optimizer = callback.model.optimizer
    for backup in fit.other_callbacks(callback):
        if not isinstance(backup, keras.callbacks.BackupAndRestore) or backup.save_freq == "epoch":
            continue
        # Keras writes 0 as the number of the epoch that it resumes. Killed in it again, the run would restart from 0.
        backup._current_epoch = epoch
        file = Path(backup.backup_dir) / "training_metadata.json"
        if not file.exists() or not any(schedules_of(inner) for inner in inner_optimizers(optimizer)):
            continue
        batches = json.loads(file.read_text())["batch"] + 1  # it has the index of the last one
        for one in {id(one): one for one in (optimizer, *inner_optimizers(optimizer))}.values():
            # Whole updates, since the optimizer keeps the gradients of an unfinished one.
            to_rewind = batches - batches % (getattr(one, "gradient_accumulation_steps", None) or 1)
            one._iterations.assign(max(0, batch_count(one) - to_rewind))
