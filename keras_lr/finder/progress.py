"""The progress bar of several short trainings."""

from __future__ import annotations

from typing import Any

import keras


class Progress:
    """A progress bar of Keras' over `target` updates, or more, with the current values; nothing if `verbose` is 0."""

    def __init__(self, target: int, verbose: Any):
        self.bar = keras.utils.Progbar(target) if verbose else None
        self.done = 0

    def show(self, updates: int, values: dict[str, float]) -> None:
        """Show the values after so many updates of a training."""
        if self.bar is not None:
            self.bar.stateful_metrics |= set(values)
            self.bar.target = max(self.bar.target, self.done + updates)
            self.bar.update(self.done + updates, list(values.items()))

    def add(self, updates: int) -> None:
        """A training of so many updates is over, also if it ended early."""
        self.done += updates
        self.show(0, {})
