"""What the tests need to know of a backend: how to compile a function, and what it can count to."""

import keras
import numpy as np

NAME = keras.backend.backend()
LAST_STEP = 2**31 - 1 if NAME == "jax" else 2**63 - 1  # torch takes int64 steps, though Keras counts in int32 there


def compilers():
    """The ways to compile a function of an integer tensor, by name."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return {"graph": tf.function, "jit": lambda f: tf.function(f, jit_compile=True)}
    if NAME == "jax":
        import jax

        return {"jit": lambda f: jax.jit(lambda step: f(step))}  # a new function, since JAX remembers the old one
    import torch

    def compiled(f):
        torch._dynamo.reset()  # else it stops after a few functions of the same code
        return torch.compile(lambda step: f(step), backend="eager", fullgraph=True)

    return {"dynamo": compiled}


def compiled_apply(optimizer, weights):
    """`apply` of the gradients that it is called with, as one function of the backend where that is possible."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda grads: optimizer.apply(grads, weights))
    if NAME == "torch":
        return lambda grads: optimizer.apply(grads, weights)
    import jax

    step = jax.jit(optimizer.stateless_apply)

    def apply(grads):
        values = step([v.value for v in optimizer.variables], grads, [w.value for w in weights])
        for variables, new in zip((weights, optimizer.variables), values, strict=True):
            for variable, value in zip(variables, new, strict=True):
                variable.assign(value)

    return apply


def integers(steps):
    """Steps as the tensor in which the optimizer's own count would come, or a wider one."""
    return keras.ops.convert_to_tensor(steps, dtype="int32" if NAME == "jax" else "int64")


def to_numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")
