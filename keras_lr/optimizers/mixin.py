"""The methods of managed optimizers: one evaluation of each schedule per update, and files that plain ones can load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from ..schedules.base import Schedule
from .bias_correction import PRODUCT, corrected_betas, corrected_rate, next_product, start_product
from .compiled_step import atomic_change
from .feedback import add_slots, rescale_moments, update_rules
from .inspection import schedules_of
from .serialization import config_of
from .state import FACTOR, ManagedState, SavedState
from .variables import add_variable, once_there_is_data


class ScheduledMixin:
    """The base that managed optimizers have in front of their plain class."""

    _managed: ManagedState
    keras_lr: SavedState

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        managed = self._managed
        managed.active_calls += 1
        try:
            if trainable_variables is not None and not self.built:  # type: ignore[attr-defined]
                trainable_variables = list(trainable_variables)
                with keras.name_scope(self.name, caller=self):  # type: ignore[attr-defined]
                    self.build(trainable_variables)  # now, because XLA makes no variables that wait for data
            with once_there_is_data(grads):
                for name, schedule in schedules_of(self).items():
                    if name in managed.rules:  # it multiplies the schedule
                        continue
                    value = schedule(self._iterations)  # type: ignore[attr-defined]
                    self._assign(name, self._reduced(value) if name == "learning_rate" else value)
                for name in corrected_betas(self):
                    if name not in managed.rules:
                        self._assign(name + PRODUCT, next_product(self, name))
                return super().apply(grads, trainable_variables)  # type: ignore[misc]
        finally:
            managed.active_calls -= 1
            for variable in managed.variables.values():
                variable.clear_cache()

    # As for `Schedule`. Otherwise the first `tf.function` around it spends a second on its translation.
    apply.autograph_info__ = None  # type: ignore[attr-defined]

    def _assign(self, name: str, value: Any) -> None:
        variable = self._managed.variables[name]
        # Each replica has its own tensor and Keras interleaves their calls, so replicas must read the variable.
        replicas = keras.backend.backend() == "tensorflow" and self._distribution_strategy.num_replicas_in_sync > 1  # type: ignore[attr-defined]
        (variable.assign if replicas else variable.assign_and_cache)(value)

    @property
    def learning_rate(self) -> Any:
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        _refuse_assignment(self, "learning_rate", self._managed.rules)
        super(ScheduledMixin, type(self)).learning_rate.fset(self, value)  # type: ignore[misc]
        prepare_rate(self)

    def _get_current_learning_rate(self) -> Any:
        rate = self._learning_rate  # type: ignore[attr-defined]
        if not isinstance(rate, Schedule):
            return super()._get_current_learning_rate()  # type: ignore[misc]
        if self._managed.active_calls or "learning_rate" in self._managed.rules:
            return self._managed.variables["learning_rate"]
        return self._reduced(rate(self._iterations))  # type: ignore[attr-defined]

    def _reduced(self, rate: Any) -> Any:
        factor = self._managed.variables.get(FACTOR)
        return rate if factor is None else rate * keras.ops.convert_to_tensor(factor)

    def _add_factor(self) -> None:
        """Add the variable by which callbacks multiply a schedule of the learning rate, for a file that has it."""
        if "learning_rate" in schedules_of(self):
            with atomic_change([self]):
                add_variable(self, self._managed.variables, FACTOR, 1.0)

    def build(self, variables: Any) -> None:
        super().build(variables)  # type: ignore[misc]
        add_slots(self)

    # Keras clips, then decays the weights, then updates them. A rule needs the clipped gradients, and the weight decay
    # multiplies by the learning rate, so rules are updated in between.
    def _clip_gradients(self, grads: Any) -> Any:
        self._managed.gradients = super()._clip_gradients(grads)  # type: ignore[misc]
        return self._managed.gradients

    def _apply_weight_decay(self, variables: Any) -> None:
        managed = self._managed
        update_rules(self, managed.gradients, variables)
        managed.gradients = None
        for name in corrected_betas(self):
            if name in managed.rules:
                product = managed.variables[name + PRODUCT]
                product.assign(product * keras.ops.convert_to_tensor(managed.variables[name]))
        super()._apply_weight_decay(variables)  # type: ignore[misc]

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        if keras.backend.backend() == "torch":  # there all weights are updated at once
            rescale_moments(self, trainable_variables)
        learning_rate = corrected_rate(self, learning_rate, corrected_betas(self))
        with self._read_as(trainable_variables[0].dtype):
            super()._backend_update_step(grads, trainable_variables, learning_rate)  # type: ignore[misc]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if keras.backend.backend() != "torch":
            rescale_moments(self, [variable])
        with self._read_as(variable.dtype):
            super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]

    @contextlib.contextmanager
    def _read_as(self, dtype: Any) -> Iterator[None]:
        """Read the managed variables in the dtype of the weights, if that is another one and TensorFlow requires it."""
        dtype = keras.backend.standardize_dtype(dtype)
        if dtype == "float32" or keras.backend.backend() != "tensorflow":
            yield
            return
        with contextlib.ExitStack() as stack:
            for name, variable in self._managed.variables.items():
                # The rate as Keras' own variable for it.
                stack.enter_context(variable.read_as(keras.config.floatx() if name == "learning_rate" else dtype))
            yield

    @property
    def variables(self) -> list[Any]:
        plain, managed = super().variables, self._managed  # type: ignore[misc]
        return plain if managed.is_suspended else [*plain, *managed.all_variables]

    def save_own_variables(self, store: Any) -> None:
        # As the plain class does, which can load the file, too. The attribute `keras_lr` saves the rest.
        with self._managed.suspended():
            super().save_own_variables(store)  # type: ignore[misc]

    def load_own_variables(self, store: Any) -> None:
        with self._managed.suspended():
            # Keras warns and loads nothing into an optimizer with another number of variables, such as an unbuilt one.
            self._managed.skips_loading = len(store.keys()) != len(self.variables)
            super().load_own_variables(store)  # type: ignore[misc]
        # For a file of the plain optimizer. With one of a managed optimizer, `keras_lr` is loaded next.
        self._start_products()

    def set_weights(self, weights: Any) -> None:
        # Copies, since JAX deletes the arrays of a variable that is trained.
        weights = [keras.ops.copy(weight) for weight in weights]
        plain = super().variables  # type: ignore[misc]
        managed = self.variables[len(plain) :]
        if len(weights) not in (len(plain), len(plain) + len(managed)):
            raise ValueError(
                f"Argument `weights` of `set_weights` must have the {len(self.variables)} variables of `{self.name}`, "  # type: ignore[attr-defined]
                f"or the {len(plain)} of the plain optimizer. Received: {len(weights)}"
            )
        super().set_weights(weights[: len(plain)])  # type: ignore[misc]
        for variable, value in zip(managed, weights[len(plain) :], strict=False):
            variable.assign(value)
        if len(weights) == len(plain):
            self._start_products()

    def _start_products(self) -> None:
        """Have the corrections of the bias start from the updates of a plain optimizer."""
        for name in corrected_betas(self):
            start_product(self, name)

    def get_config(self) -> dict[str, Any]:
        with self._managed.suspended():
            plain = super().get_config()  # type: ignore[misc]
        return config_of(self, plain)

    def __reduce__(self) -> Any:
        # As Keras does it; but pickle does not find the classes of managed optimizers by their names.
        return keras.optimizers.Optimizer._unpickle_model, super().__reduce__()[1]


def prepare_rate(optimizer: Any) -> None:
    """Give a managed optimizer whose learning rate is a schedule the variable that holds its value."""
    schedules = schedules_of(optimizer)
    if "learning_rate" in schedules:
        optimizer._learning_rate = schedules["learning_rate"]
        add_variable(optimizer, optimizer._managed.variables, "learning_rate", 0.0)


def managed_property(name: str) -> property:
    """The attribute of a managed optimizer for a hyperparameter: its variable."""

    def get(self: Any) -> Any:
        managed = self._managed
        return managed.initial_values[name] if managed.is_suspended else managed.variables[name]

    def set_(self: Any, value: Any) -> None:
        _refuse_assignment(self, name, self._managed.schedules | self._managed.rules)
        self._managed.variables[name].assign(value)

    return property(get, set_)


def _refuse_assignment(optimizer: Any, name: str, sources: Any) -> None:
    """Raise if a hyperparameter follows one of `sources`, by name."""
    if name in sources:
        raise TypeError(
            f"`{name}` of `{optimizer.name}` follows a schedule or a rule and can't be assigned. "
            f"Use `keras_lr.scheduled(optimizer, {name}=...)` to give it another one or a number."
        )
