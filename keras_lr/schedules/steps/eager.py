"""Evaluation on torch, which runs a training step as Python: a value is taken from those of a window of steps.

There one evaluation is 10 to 60 calls of `keras.ops`, several percent of the step
of a small model. numpy computes the values of a whole window in the time of one
such evaluation, so that a window has paid for itself with its first value. Inside
`torch.compile`, `vmap` and the like, and for a step on another device, which would
have to be waited for, the value is computed as on the other backends.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .integers import integer_tensor
from .step import Step

SIZE = 256  # with many more, the first value would cost more than it does without a window


def value_in_window(schedule: Any, step: Any) -> Any:
    """The value at a step as it is given; `None` where it is to be computed."""
    if keras.backend.backend() != "torch":
        return None
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return None
    count = step.value if isinstance(step, keras.Variable) else integer_tensor(step)
    # Not `isinstance`: what is derived from a tensor may be spread over devices, or have no numbers yet.
    if type(count) not in (torch.Tensor, torch.nn.Parameter) or count.ndim or not count.is_cpu:
        return None
    try:
        t = int(count)
    except RuntimeError:  # in `vmap` it is many numbers
        return None
    place = t % SIZE
    window = vars(schedule).get("_window")
    if window is None or window[0] != t - place:
        # Between two compiled pieces of a step, torch would compile numpy's part as well.
        window = t - place, torch.compiler.disable(_values)(schedule, t - place)
        vars(schedule)["_window"] = window  # in one piece, since threads may share a schedule
    values = window[1]
    return None if values is None else count.new_full((), values[place], dtype=torch.float32)


def _values(schedule: Any, start: int) -> list[float] | None:
    """The values of the window that begins at `start`; `None` if numpy can't compute them at once."""
    if _has_foreign(schedule):
        return None
    try:
        with np.errstate(all="ignore"):  # of steps that nobody has asked about
            values = np.asarray(schedule.at(Step(start + np.arange(SIZE, dtype="int64"), np)), "float32")
    except Exception:  # of a formula of one's own: computed for the one step it works, or says itself what is wrong
        return None
    return values.tolist() if values.shape == (SIZE,) else None


def _has_foreign(value: Any) -> bool:
    """Whether a schedule of another library is inside, which must be asked about each step alone."""
    from ..foreign import Foreign  # late, since it is a schedule

    if isinstance(value, LearningRateSchedule):
        return isinstance(value, Foreign) or any(_has_foreign(getattr(value, name)) for name in value._names())
    members = isinstance(value, tuple) and isinstance(next(iter(value), None), LearningRateSchedule)
    return members and any(map(_has_foreign, value))
