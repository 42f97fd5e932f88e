"""Two problems with three weight tensors, in plain numpy, which every backend and every reference can replay.

`sequence`'s gradients do not depend on the weights: what differs is the rule or its rounding. `network`'s do, as in a
training. Both return the loss and the gradients of a step, in the precision of the weights. `tests/data/rules.json`
holds where the authors' implementations end (`tests/data/make_rules.py`).
"""

import math

import numpy as np

STEPS = 200
SHAPES = [(8, 4), (4,), (4, 1)]
BATCH = 16


def uniform(seed, *shape):
    """Numbers in [-1, 1) that float32 holds exactly, the same in every version of numpy and on every machine."""
    return np.floor(np.random.RandomState(seed).random_sample(shape) * 2**24) / 2**23 - 1


INPUTS = uniform(1, 64, 8)
TARGETS = np.tanh(INPUTS @ uniform(2, 8, 2)) @ np.array([[1.5], [-1.0]]) + 0.25 * uniform(3, 64, 1)
DRIFTS = [uniform(4, *shape) for shape in SHAPES]
NOISE = [uniform(5, STEPS, *shape) for shape in SHAPES]


def initial_weights(dtype="float64"):
    kernel, bias, output = (uniform(6, *shape) for shape in SHAPES)
    return [w.astype(dtype) for w in (kernel / 2, 0 * bias, output / 2)]


def sequence(step, weights):
    """A drift in noise for 10 steps, then noise alone; the gradients of the three tensors differ in scale."""
    gradients = [
        (scale * (drift * (step < 10) + noise[step])).astype(w.dtype)
        for scale, drift, noise, w in zip([0.1, 1.0, 4.0], DRIFTS, NOISE, weights, strict=True)
    ]
    return sum(float(np.vdot(g, w)) for g, w in zip(gradients, weights, strict=True)), gradients


def network(step, weights):
    """Half the mean squared error of a tanh layer and a linear one, on 64 examples in batches of 16 that take turns."""
    kernel, bias, output = weights
    rows = slice(step * BATCH % len(INPUTS), step * BATCH % len(INPUTS) + BATCH)
    x, y = INPUTS[rows].astype(kernel.dtype), TARGETS[rows].astype(kernel.dtype)
    hidden = np.tanh(x @ kernel + bias)
    error = hidden @ output - y
    inner = (error / BATCH) @ output.T * (1 - hidden**2)
    return float(np.mean(error**2)) / 2, [x.T @ inner, inner.sum(axis=0), hidden.T @ (error / BATCH)]


PROBLEMS = {"sequence": sequence, "network": network}

# The factor of the rule's rate in update t = 0, 1, ...
FACTORS = {
    "constant": lambda t: 1.0,
    "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * t / STEPS)),
    "warmup": lambda t: (t + 1) / 20 if t < 20 else 0.5 * (1 + math.cos(math.pi * (t - 20) / (STEPS - 20))),
    "from zero": lambda t: min(t / 20, 1.0),
}
