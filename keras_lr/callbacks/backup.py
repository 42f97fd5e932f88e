"""Keeps schedules on time when `BackupAndRestore(save_freq=n)` goes on in the middle of an epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from ..optimizers.inspection import batches_seen, leaves
from ..optimizers.mixin import schedules_of
from . import fit


def take_back(callback: Any, epoch: int) -> None:
    """Set the count of a restored optimizer back to the beginning of the epoch that Keras begins anew.

    To be called when the first epoch of a `fit` begins. What was saved in the middle
    of an epoch has counted the batches before, and Keras gives it all of them again.
    """
    optimizer = callback.model.optimizer
    for backup in fit.others(callback):
        if not isinstance(backup, keras.callbacks.BackupAndRestore) or backup.save_freq == "epoch":
            continue
        # Keras calls each epoch that it begins with 0 in the file: killed again in it, the run would start all over.
        backup._current_epoch = epoch
        file = Path(backup.backup_dir) / "training_metadata.json"
        if not file.exists() or not any(schedules_of(part) for part in leaves(optimizer)):
            continue
        batches = json.loads(file.read_text())["batch"] + 1  # the index of the last one
        for part in {id(part): part for part in (optimizer, *leaves(optimizer))}.values():
            # Whole updates, since the gradients of one that was begun are with the optimizer.
            ahead = batches - batches % (getattr(part, "gradient_accumulation_steps", None) or 1)
            part._iterations.assign(max(0, batches_seen(part) - ahead))
