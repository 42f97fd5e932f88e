"""What a scheduled optimizer saves beside the variables of its plain class."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

NOTE = "note."  # before the names of what callbacks keep


class State(keras.Loss):
    """The variables and notes of a scheduled optimizer, as an attribute of it that is saved with it.

    Keras saves what it finds in the attributes of an optimizer if it is of a kind
    that has variables; of the public kinds a loss is the lightest. Among the
    optimizer's own variables these would be counted by a plain optimizer, which
    skips a file with another number of them. It has no such attribute, and so it
    never comes to read these.
    """

    def __init__(self, book: Any):
        super().__init__(name="keras_lr")
        self._book = book

    def save_own_variables(self, store: Any) -> None:
        for name, cell in self._book.cells.items():
            store[name] = keras.ops.convert_to_numpy(cell.value)
        for name, note in self._book.notes.items():
            store[NOTE + name] = note

    def load_own_variables(self, store: Any) -> None:
        for name in store.keys():  # noqa: SIM118 - an HDF5 group
            if name.startswith(NOTE):
                self._book.notes[name.removeprefix(NOTE)] = np.array(store[name])
            elif name in self._book.cells:
                self._book.cells[name].assign(np.array(store[name]))
