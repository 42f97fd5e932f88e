"""The functions that formulas use, all in float64: for numpy, and native ones for each backend.

`keras.ops` does not keep float64: on JAX `sin` and `floor` return float32, on torch `maximum` with a number does,
and `where` of two numbers returns floatx on every backend.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
import weakref
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np

from . import arguments

UNARY = ("abs", "cos", "exp", "expm1", "floor", "log", "log1p", "sin", "sqrt", "tanh")
SHORT = 1000  # numbers; a graph may hold several copies of a table of this size

_namespaces: dict[str, SimpleNamespace] = {}
_tensors: dict[int, dict[Any, Any]] = {}  # of long tables, by the `id` of the array, then by device


def namespace() -> SimpleNamespace:
    """The functions of Keras' backend. `docs/adding-a-schedule.md` lists the public ones."""
    backend = keras.backend.backend()
    if backend not in _namespaces:
        make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}.get(backend)
        if make is None:
            raise NotImplementedError(f"Schedules run on TensorFlow, JAX and torch. The backend of Keras is {backend}.")
        _namespaces[backend] = make()
    return _namespaces[backend]


def _from(module: ModuleType, *names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names}


def _numpy() -> SimpleNamespace:
    return SimpleNamespace(
        **_from(np, *UNARY, "clip", "maximum", "minimum", "where"),
        integer=lambda x: np.asarray(x).astype("int64"),
        real=lambda x: np.asarray(x, "float64"),
        full_like=lambda x, value: np.full(np.shape(x), value),
        take=lambda table, index: np.take(table, index, axis=0),
        columns=lambda x, count: np.moveaxis(x, -1, 0),
        searchsorted=lambda table, x: np.searchsorted(table, x, side="right"),
    )


NUMPY = _numpy()


def _plain(step: Any) -> Any:
    """A step that is no tensor: a number as it is, numbers as an array of whole float64."""
    if isinstance(step, int | float):
        return step
    try:
        numbers = np.asarray(step)
    except Exception:  # lists of different lengths, and symbolic tensors
        numbers = np.asarray(None)
    if numbers.dtype.kind not in "biuf" and numbers.size:
        arguments.reject("schedule", "step", "a number or a tensor of integers", step, error=TypeError)
    return np.floor(numbers.astype("float64")) if numbers.ndim else numbers.item()


def _float32(value: Any, step: Any) -> Any:
    """Numbers that are known as a tensor."""
    with np.errstate(over="ignore"):  # what is beyond a float32 is infinite, as in a graph
        return keras.ops.convert_to_tensor(np.asarray(value, "float32"))


def _tensorflow() -> SimpleNamespace:
    import tensorflow as tf

    def real(x: Any) -> Any:
        return tf.cast(x, tf.float64) if tf.is_tensor(x) else tf.constant(x, tf.float64)

    def known(step: Any) -> Any:
        if not tf.is_tensor(step):
            return _plain(step)
        return _plain(tf.convert_to_tensor(step).numpy()) if tf.executing_eagerly() else None

    def full_like(x: Any, value: float) -> Any:
        return tf.constant(value, tf.float64) if x.shape.rank == 0 else value + tf.zeros_like(x)

    def table(array: np.ndarray) -> Any:
        if array.size > SHORT:
            # Made outside of the graph, which takes it as an argument: a copy inside would count toward its 2 GB.
            with tf.init_scope():
                if tf.executing_eagerly():  # false in a graph of TensorFlow 1
                    return _once(array, "tensorflow", lambda: tf.constant(array))
        return tf.constant(array)

    def searchsorted(array: np.ndarray, x: Any) -> Any:
        return tf.reduce_sum(tf.cast(tf.expand_dims(x, -1) >= table(array), tf.int32), -1)

    return SimpleNamespace(
        **_from(tf.math, *UNARY),
        where=lambda condition, x, y: tf.where(condition, real(x), real(y)),
        clip=lambda x, low, high: tf.maximum(tf.minimum(x, high), low),
        maximum=lambda x, y: tf.maximum(real(x), y),
        minimum=lambda x, y: tf.minimum(real(x), y),
        integer=lambda x: tf.cast(x, tf.int64),
        real=real,
        full_like=full_like,
        take=lambda array, index: tf.gather(table(array), index),
        columns=lambda x, count: tf.unstack(x, count, axis=-1),
        searchsorted=searchsorted,
        counter=lambda x: x,
        known=known,
        tensor=_float32,
        float32=lambda x: tf.cast(x, tf.float32),
        precision=contextlib.nullcontext,
        default_precision=contextlib.nullcontext,
        outside_of_graphs=tf.init_scope,
    )


def _jax() -> SimpleNamespace:
    import jax
    import jax.numpy as jnp

    if jax.__version_info__ < (0, 7, 2):  # they compile numbers as float32 even where `enable_x64` was on
        raise ImportError(f"keras_lr needs JAX 0.7.2 or newer, and Python 3.11 for it. This is JAX {jax.__version__}.")
    if hasattr(jax, "enable_x64"):
        enable_x64: Any = jax.enable_x64
    else:  # before JAX 0.8
        enable_x64 = importlib.import_module("jax.experimental").enable_x64

    def known(step: Any) -> Any:
        return None if isinstance(step, jax.core.Tracer) else _plain(step)

    def table(array: np.ndarray) -> Any:
        if array.size <= SHORT:
            return jnp.asarray(array)
        with jax.ensure_compile_time_eval():
            return _once(array, "jax", lambda: jnp.asarray(array))

    return SimpleNamespace(
        **_from(jnp, *UNARY, "clip", "maximum", "minimum", "where"),
        integer=lambda x: jnp.asarray(x).astype("int64"),
        real=lambda x: jnp.asarray(x).astype("float64"),
        full_like=lambda x, value: jnp.full(x.shape, value, "float64"),
        take=lambda array, index: jnp.take(table(array), index, axis=0, mode="clip"),
        columns=lambda x, count: jnp.moveaxis(x, -1, 0),
        # A comparison and a sum would not do: XLA does not fuse a reduction with the formula.
        searchsorted=lambda array, x: jnp.searchsorted(table(array), x, side="right", method="scan_unrolled"),
        counter=lambda x: x.astype("int32"),
        known=known,
        tensor=_float32,
        float32=lambda x: jnp.asarray(x).astype("float32"),
        precision=lambda: enable_x64(True),
        default_precision=lambda: enable_x64(False),
        outside_of_graphs=jax.ensure_compile_time_eval,
    )


def _torch() -> SimpleNamespace:
    import torch

    def real(x: Any) -> Any:
        return x.to(torch.float64) if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)

    def known(step: Any) -> Any:
        if not isinstance(step, torch.Tensor):
            return _plain(step)
        if torch.jit.is_tracing():
            warnings.warn(
                "`torch.jit.trace` merges numbers that agree to 7 digits, so boundaries of the schedule may be a step "
                "off. Use `torch.compile` or `torch.export`.",
                stacklevel=4,
            )
            return None
        if torch.compiler.is_compiling() or type(step) not in (torch.Tensor, torch.nn.Parameter):
            return None  # among others of a step that is spread over devices
        if step.device.type not in ("cpu", "mps"):  # it would have to be waited for; mps has no float64
            return None
        try:
            return _plain(step.detach().cpu().to(torch.float64).numpy()) if step.ndim else step.item()
        except RuntimeError:  # in `vmap` it is many numbers
            return None

    def tensor(value: Any, step: Any) -> Any:
        if isinstance(value, float) and isinstance(step, torch.Tensor):
            return step.new_full((), value, dtype=torch.float32)
        return _float32(value, step)

    def table(array: Any, x: Any) -> Any:
        if torch.compiler.is_compiling():
            return torch.as_tensor(array, device=x.device)
        if array.size <= SHORT or type(x) is not torch.Tensor:
            return torch.as_tensor(array.copy(), device=x.device)  # torch warns of arrays that can't be written to
        with torch.inference_mode(False):  # a tensor made inside could not be used outside
            return _once(array, x.device, lambda: torch.as_tensor(array.copy(), device=x.device))

    def take(array: Any, index: Any) -> Any:
        # Indexing by a tensor without axes would read its number, which a compiled graph can't.
        if array.ndim == 1:
            return torch.take(table(array, index), index)
        return torch.nn.functional.embedding(index, table(array, index))

    return SimpleNamespace(
        **_from(torch, *UNARY),
        where=lambda condition, x, y: torch.where(condition, real(x), real(y)),
        clip=torch.clamp,
        maximum=lambda x, y: torch.maximum(x, y) if isinstance(y, torch.Tensor) else torch.clamp(real(x), min=y),
        minimum=lambda x, y: torch.minimum(x, y) if isinstance(y, torch.Tensor) else torch.clamp(real(x), max=y),
        integer=lambda x: x.to(torch.int64),
        real=real,
        full_like=lambda x, value: torch.full_like(x, value, dtype=torch.float64),
        take=take,
        columns=lambda x, count: x.unbind(-1),
        searchsorted=lambda array, x: torch.searchsorted(table(array, x), x, right=True),
        counter=lambda x: x,
        known=known,
        tensor=tensor,
        float32=lambda x: real(x).to(torch.float32),
        precision=contextlib.nullcontext,
        default_precision=contextlib.nullcontext,
        outside_of_graphs=contextlib.nullcontext,
    )


def _once(array: np.ndarray, key: Any, make: Any) -> Any:
    """The tensor of a long table, made once per device and freed with the array."""
    if id(array) not in _tensors:
        _tensors[id(array)] = {}
        weakref.finalize(array, _tensors.pop, id(array), None)
    made = _tensors[id(array)]
    if key not in made:
        made[key] = make()
    return made[key]
