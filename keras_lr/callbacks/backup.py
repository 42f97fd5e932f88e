"""Keeps schedules in step with the epochs when `BackupAndRestore(save_freq=n)` resumes in the middle of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from ..optimizers.inspection import batch_count, inner_optimizers, schedules_of
from . import fit


def counts_before_restore(callback: Any) -> dict[int, int]:
    """How many batches each optimizer has been applied to, by id, less those of epochs before `initial_epoch`.

    To be called in `set_model`, before any callback loads a backup. In the process that
    continues a killed one, it is how many the killed one had when its `fit` began.
    """
    initial_epoch = fit.local_variable(callback.model, "initial_epoch") or 0
    return {} if initial_epoch else {id(one): batch_count(one) for one in _counting(callback)}


def rewind_iterations(callback: Any, epoch: int, counts: dict[int, int], batches: int | None) -> None:
    """Set the step count of restored optimizers back to the beginning of the epoch that Keras restarts.

    To be called when the first epoch of a `fit` begins. An optimizer that was saved in
    the middle of an epoch has counted its batches, and Keras trains on all of them again.

    Args:
        callback: The callback whose optimizers are set back.
        epoch: The epoch that begins.
        counts: The result of `counts_before_restore`.
        batches: Batches per epoch, `None` if unknown.
    """
    for backup in fit.other_callbacks(callback):
        if not isinstance(backup, keras.callbacks.BackupAndRestore) or backup.save_freq == "epoch":
            continue
        # Keras writes 0 as the number of the epoch that it resumes. Killed in it again, the run would restart from 0.
        backup._current_epoch = epoch
        folder = Path(backup.backup_dir)
        is_scheduled = any(schedules_of(inner) for inner in callback.optimizers)
        if not (folder / "latest.weights.h5").exists() or not is_scheduled:
            continue
        metadata = folder / "training_metadata.json"
        # It has the index of the last batch.
        done = json.loads(metadata.read_text())["batch"] + 1 if metadata.exists() else 0
        for one in _counting(callback):
            count, to_rewind = batch_count(one), done
            # Keras writes the weights first. Killed before it wrote the metadata, it finds that of the previous save.
            if batches is not None and id(one) in counts:
                missing = count - done - (counts[id(one)] + epoch * batches)
                if backup.save_freq <= missing < backup.save_freq + callback.model.steps_per_execution:
                    to_rewind += missing
            # Whole updates, since the optimizer keeps the gradients of an unfinished one.
            to_rewind -= to_rewind % (getattr(one, "gradient_accumulation_steps", None) or 1)
            one._iterations.assign(max(0, count - to_rewind))


def _counting(callback: Any) -> list[Any]:
    """The optimizers of a callback, and those that contain them."""
    outer = callback._outer_optimizers
    optimizers = [*outer, *(inner for one in outer for inner in inner_optimizers(one))]
    return [*{id(one): one for one in optimizers}.values()]
