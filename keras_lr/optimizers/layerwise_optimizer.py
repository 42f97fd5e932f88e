"""The optimizer that `layerwise` returns: Keras' `MultiOptimizer` that finds variables by their order."""

from __future__ import annotations

from typing import Any

import keras

# Since Keras 3.15. On an older one `layerwise` says so.
MultiOptimizer: Any = getattr(keras.optimizers, "MultiOptimizer", keras.optimizers.Optimizer)


@keras.saving.register_keras_serializable("keras_lr")
class LayerwiseOptimizer(MultiOptimizer):
    """Several optimizers, each with a group of the variables of one model.

    Keras' own `OptimizerMap` goes by the paths of variables. Those of a loaded model are
    others where they have the names of the models around a layer, or automatic names
    such as `dense_1`, which depend on what was made before. The order of the trainable
    variables is the same, as Keras presumes when it loads the state of any optimizer.

    Args:
        optimizers: The optimizers.
        groups: The index of the optimizer for each trainable variable of the model, in
            its order; or for each of its variables, as pairs of a variable and an index.
            Then a variable that is not among them gets the last optimizer.
        loss_scale_factor, name: As for `MultiOptimizer`.
    """

    def __init__(self, optimizers: list[Any], groups: list[Any], loss_scale_factor: Any = None, name: Any = None):
        super().__init__(self._optimizer_of, name=name)
        self.optimizers.extend(optimizers)
        self.loss_scale_factor = loss_scale_factor  # that of the optimizers, too
        self._groups = lambda: groups  # TensorFlow would track a list, and put its variables into checkpoints

    def build(self, var_list: list[Any]) -> None:
        if self.built:
            return
        groups = self._groups()
        if groups and not isinstance(groups[0], int):
            known = {id(variable): group for variable, group in groups}
            groups = [known.get(id(variable), len(self.optimizers) - 1) for variable in var_list]
        if len(groups) != len(var_list):
            raise ValueError(
                f"The optimizer was saved for {len(groups)} trainable variables, and the model has {len(var_list)}. "
                "Load it with `compile=False` and compile it with a new `keras_lr.layerwise(model, ...)`."
            )
        self._groups = lambda: groups
        self._index = {id(variable): group for variable, group in zip(var_list, groups, strict=True)}
        super().build(var_list)

    def _optimizer_of(self, variable: Any) -> Any:
        return self.optimizers[self._index[id(variable)]]

    def get_config(self) -> dict[str, Any]:
        groups = [item if isinstance(item, int) else item[1] for item in self._groups() if _is_trained(item)]
        return {
            "optimizers": [keras.saving.serialize_keras_object(optimizer) for optimizer in self.optimizers],
            "groups": groups,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        optimizers = [
            keras.saving.deserialize_keras_object(optimizer, custom_objects) for optimizer in config["optimizers"]
        ]
        return cls(**config | {"optimizers": optimizers})


def _is_trained(item: Any) -> bool:
    return isinstance(item, int) or item[0].trainable
