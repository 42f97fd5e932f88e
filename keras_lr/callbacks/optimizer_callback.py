"""The base of the callbacks that read or change optimizers: which ones these are, in `fit` and in any other loop."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from keras.optimizers.schedules import LearningRateSchedule

from ..optimizers import compiled_step
from ..optimizers.inspection import applied_values, batch_count, class_name, configured_rate, inner_optimizers
from ..optimizers.model_optimizers import find_optimizers, names_of_inner_optimizers, validate_optimizer
from ..schedules import arguments
from . import fit
from .applied import by_name
from .base import Callback


class OptimizerCallback(Callback):
    """Finds the optimizers of its model by the argument `optimizer`; abstract."""

    of_the_run: ClassVar[tuple[str, ...]] = ("_outer_optimizers",)
    takes_all_optimizers = False  # where there are several and none is named
    span_binder: ClassVar[type[Callback]]
    """`BindSpans`, which derives from this class."""

    def __init__(self, optimizer: Any = None, verbose: int = 0):
        super().__init__()
        if not isinstance(verbose, int) or verbose not in (0, 1):
            arguments.reject(self, "verbose", "0 or 1", verbose)
        self.verbose = verbose
        self.params: Any = {}  # a loop of the user's own may never set them
        self.optimizer = validate_optimizer(self, optimizer)
        self._outer_optimizers: list[Any] = []

    def set_params(self, params: Any) -> None:
        self.params = params or {}

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        name, several = type(self).__name__, self.takes_all_optimizers
        self._outer_optimizers = find_optimizers(model, self.optimizer, name, several=several)
        for inner in (inner for outer in self._outer_optimizers for inner in inner_optimizers(outer)):
            rate = configured_rate(inner)  # Keras takes anything that can be called, and calls it in `fit`
            if callable(rate) and not isinstance(rate, LearningRateSchedule) and arguments.where_it_goes(rate):
                arguments.reject(class_name(inner), "learning_rate", "a number or a schedule", rate, error=TypeError)
        self._is_first_use = True
        self._bind_spans()

    def _bind_spans(self) -> None:
        """Add a `BindSpans` if there is none: now, since it has to see the optimizer before a backup is restored."""
        running = fit.callback_list(self)
        if running is not None and not any(isinstance(one, self.span_binder) for one in running.callbacks):
            binder = self.span_binder()
            running.callbacks = [binder, *running.callbacks]  # a new list, since Keras is going through the old one
            binder.set_model(self.model)

    @property
    def optimizers(self) -> list[Any]:
        """The optimizers of this callback, those inside `LossScaleOptimizer` and `MultiOptimizer`."""
        _ = self.model  # on JAX, it copies the state of the epoch back
        return [inner for outer in self._outer_optimizers for inner in inner_optimizers(outer)]

    def by_name(self, optimizers: list[Any], values: list[dict[str, Any]]) -> dict[str, Any]:
        """What each optimizer has by hyperparameter, by the names that these have in `logs`."""
        names = names_of_inner_optimizers(self.model, self._outer_optimizers)
        return by_name([names[id(one)] for one in optimizers], values, has_main=len(self._outer_optimizers) == 1)

    def last_applied(self) -> dict[str, float]:
        """The values of the last update by the names that they have in `logs`."""
        optimizers = self.optimizers
        ends = [batch_count(one) for one in optimizers]
        values = [applied_values(one, max(0, end - 1), end) for one, end in zip(optimizers, ends, strict=True)]
        return {name: float(series[-1]) for name, series in self.by_name(optimizers, values).items() if len(series)}

    def warn_if_unused(self) -> None:
        """Warn at the end of the first epoch if the training has used other optimizers; to be called in each epoch."""
        if not self._is_first_use:
            return
        self._is_first_use, outer = False, self._outer_optimizers
        # A `LossScaleOptimizer` may have skipped all steps.
        if any(hasattr(one, "inner_optimizer") for one in outer) or any(map(batch_count, self.optimizers)):
            return
        warnings.warn(
            f"The optimizer `{outer[0].name}` made no step in the first epoch, so callbacks for it have no effect. If "
            "the training uses another one, pass that as the argument `optimizer` of the callback.",
            stacklevel=2,
        )

    def build(self) -> None:
        """Build `model.optimizer`, if it is one of these. The variables of others are not known here."""
        compiled = getattr(self.model, "optimizer", None)
        if any(compiled is one for one in self._outer_optimizers):
            compiled_step.build(self.model)
