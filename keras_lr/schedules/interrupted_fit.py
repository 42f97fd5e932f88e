"""Keeps the weights of a model when a schedule raises in the first step of a `fit` on JAX, where Keras loses them."""

from __future__ import annotations

import sys
from typing import Any

import keras

STATE = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def keep_state() -> None:
    """Have a running `fit` on JAX put its variables back when it ends, as it does from its second step on.

    Keras takes them out of the model before the first step (Keras' `JAXTrainer.fit`), and puts back `_jax_state`
    after an error, which it sets only after that step.
    """
    if keras.backend.backend() != "jax":
        return
    frame: Any = sys._getframe()
    while frame is not None:
        model = frame.f_locals.get("self") if frame.f_code.co_name == "fit" else None
        if isinstance(model, keras.Model) and "state" in frame.f_locals:
            if not getattr(model, "_jax_state", None):
                model._jax_state = dict(zip(STATE, frame.f_locals["state"], strict=True))
            return
        frame = frame.f_back
