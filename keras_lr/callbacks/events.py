"""Writes event files for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from typing import Any


class Events:
    """A new event file in a folder, for the values of steps.

    It needs only TensorFlow. `tf.summary` also needs TensorBoard, and takes a call for
    each value.
    """

    def __init__(self, folder: str):
        import tensorflow as tf  # late, because other backends need it for nothing else

        self._tf = tf.compat.v1
        tf.io.gfile.makedirs(folder)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}.keras_lr"
        self._file = tf.io.TFRecordWriter(os.path.join(folder, name))
        self._write(file_version="brain.Event:2")

    def write(self, series: dict[str, tuple[int, Any]]) -> None:
        """Write the values of each name, given with the step of the first one."""
        names_by_steps: dict[range, list[str]] = {}
        for name, (begin, values) in series.items():
            names_by_steps.setdefault(range(begin, begin + len(values)), []).append(name)
        for steps, names in names_by_steps.items():
            for index, step in enumerate(steps):
                value = self._tf.Summary.Value
                scalars = [value(tag=name, simple_value=series[name][1][index]) for name in names]
                self._write(step=step, summary=self._tf.Summary(value=scalars))
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _write(self, **content: Any) -> None:
        self._file.write(self._tf.Event(wall_time=time.time(), **content).SerializeToString())
