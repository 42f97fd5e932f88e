"""The schedules that are measured, each with its numpy formula written by hand and with Keras' own, where it has one.

A formula is what one would type: float64, one pass over the steps, `np.where` where there are pieces.
`check` compares: what is measured against each other has the same values.
"""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_lr as klr

N = 10**6
W, D = N // 10, N * 9 // 10  # a warmup, and what is left
BOUNDARIES = list(range(10_000, N + 1, 10_000))
VALUES = np.linspace(0.1, 0.01, 101).tolist()
EACH_STEP = np.linspace(0.1, 0.01, N)
KERAS = keras.optimizers.schedules


@dataclasses.dataclass
class Rate:
    schedule: Any
    formula: Callable[[np.ndarray], np.ndarray]
    keras: Any = None


def up(t, peak=0.1, steps=W):
    return peak * (t + 1) / steps


def line(t, start, end, steps):
    return start + (end - start) * np.clip(t / steps, 0, 1)


def wave(t, start, end, steps):
    return end + (start - end) * (1 + np.cos(np.pi * np.clip(t / steps, 0, 1))) / 2


def hyperbola(t):
    return np.sqrt((N - np.minimum(t, N)) / (2 * N) * (2 - (N + np.minimum(t, N)) / (2 * N)))


def doubling(t, first):
    """Which cycle it is, each twice as long as the one before, and the share of it that is over."""
    starts = first * (2 ** np.arange(40) - 1)
    cycle = np.searchsorted(starts, t, "right") - 1
    return cycle, (t - starts[cycle]) / (first * 2**cycle)


def shaken(t, seed=3):
    x = t.astype("int32") * np.int32(0x9E3779B9 - 2**32) + np.int32(zlib.crc32(str(seed).encode()) - 2**31)
    x = x ^ (x >> 15)
    x = x * (2 * x + 1)
    return (x & 0x7FFFFF80) / 2**30 - 1


def zigzag(t, half):
    return 1 - np.abs(t % (2 * half) / half - 1)


CURVES = {
    "Constant": Rate(klr.Constant(0.01), lambda t: np.full(t.shape, 0.01)),
    "Linear": Rate(
        klr.Linear(0.1, 0.01, steps=N), lambda t: line(t, 0.1, 0.01, N), KERAS.PolynomialDecay(0.1, N, 0.01)
    ),
    "Cosine": Rate(klr.Cosine(0.1, 0.0, steps=N), lambda t: wave(t, 0.1, 0.0, N), KERAS.CosineDecay(0.1, N)),
    "Cosine, exponent 2": Rate(klr.Cosine(0.1, 0.0, steps=N, exponent=2.0), lambda t: 0.1 * wave(t, 1.0, 0.0, N) ** 2),
    "Polynomial, power 1.5": Rate(
        klr.Polynomial(0.1, 0.0, steps=N, power=1.5),
        lambda t: 0.1 * (1 - np.minimum(t, N) / N) ** 1.5,
        KERAS.PolynomialDecay(0.1, N, 0.0, power=1.5),
    ),
    "Polynomial, k 0.5": Rate(
        klr.Polynomial(0.1, 0.0, steps=N, k=0.5), lambda t: 0.1 * (1 - (np.minimum(t, N) / N) ** 0.5)
    ),
    "Rex": Rate(klr.Rex(0.1, 0.0, steps=N), lambda t: 0.1 * line(t, 1.0, 0.0, N) / (1 - np.minimum(t, N) / N / 2)),
    "Tanh": Rate(klr.Tanh(0.1, 0.0, steps=N), lambda t: np.where(t < N, 0.1 * (1 - np.tanh(-6 + 9 * t / N)) / 2, 0.0)),
    "Approach": Rate(klr.Approach(0.1, 0.0, steps=N), lambda t: 0.1 * (0.1 ** (np.minimum(t, N) / N) - 0.1) / 0.9),
    "Logarithmic": Rate(klr.Logarithmic(0.0, 0.1, steps=N), lambda t: 0.1 * np.log1p(np.minimum(t, N)) / np.log1p(N)),
    "Hyperbolic": Rate(
        klr.Hyperbolic(0.1, 0.0, steps=N, horizon=2 * N), lambda t: 0.1 + 0.1 * (hyperbola(t) - np.sqrt(0.75))
    ),
    "ExpHyperbolic": Rate(
        klr.ExpHyperbolic(0.1, 0.001, steps=N, horizon=2 * N),
        lambda t: 0.1 * 100 ** (hyperbola(t) - np.sqrt(0.75)),
    ),
    "CosineWaves": Rate(
        klr.CosineWaves(0.1, 0.01, steps=N, waves=2.5),
        lambda t: 0.01 + 0.09 * (1 + np.cos(2 * np.pi * 2.5 * np.minimum(t, N) / N)) / 2,
    ),
    "Exponential": Rate(
        klr.Exponential(0.1, 0.96, steps=10_000),
        lambda t: 0.1 * 0.96 ** (t / 10_000),
        KERAS.ExponentialDecay(0.1, 10_000, 0.96),
    ),
    "Exponential, stairs of examples": Rate(
        klr.Exponential(0.1, 0.99, steps=klr.examples(60_000), staircase=True).bind(batch_size=64),
        lambda t: 0.1 * 0.99 ** (t * 64 // 60_000),
        KERAS.ExponentialDecay(0.1, 937.5, 0.99, staircase=True),
    ),
    "InverseTime": Rate(
        klr.InverseTime(0.1, 0.5, steps=1000),
        lambda t: 0.1 / (1 + 0.5 * t / 1000),
        KERAS.InverseTimeDecay(0.1, 1000, 0.5),
    ),
    "InverseSqrt": Rate(klr.InverseSqrt(0.1, steps=1000), lambda t: 0.1 / np.sqrt(1 + t / 1000)),
    "PowerLaw": Rate(klr.PowerLaw(0.1, steps=1000, power=0.7), lambda t: 0.1 / (1 + t / 1000) ** 0.7),
    "SutskeverMomentum": Rate(
        klr.SutskeverMomentum(0.99, steps=250), lambda t: np.minimum(1 - 0.5 / (t // 250 + 1), 0.99)
    ),
    "Demon": Rate(klr.Demon(0.9, steps=N), lambda t: 0.9 * line(t, 1.0, 0.0, N) / (0.1 + 0.9 * line(t, 1.0, 0.0, N))),
}

TABLES = {
    "Intervals of 101": Rate(
        klr.Intervals(BOUNDARIES, VALUES),
        lambda t: np.array(VALUES)[np.searchsorted(BOUNDARIES, t, "right")],
        # whose boundary is the last step with the old value
        KERAS.PiecewiseConstantDecay([boundary - 1 for boundary in BOUNDARIES], VALUES),
    ),
    "Knots of 101": Rate(klr.Knots(BOUNDARIES, VALUES), lambda t: np.interp(t, [0, *BOUNDARIES], VALUES)),
    "Knots of 5, waves": Rate(
        klr.Knots([N // 8, N // 4, N // 2, N], [0.0, 0.1, 0.05, 0.08, 0.0], interpolation="cosine"),
        lambda t: np.select(
            [t < N // 8, t < N // 4, t < N // 2],
            [wave(t, 0.0, 0.1, N // 8), wave(t - N // 8, 0.1, 0.05, N // 8), wave(t - N // 4, 0.05, 0.08, N // 4)],
            wave(t - N // 2, 0.08, 0.0, N // 2),
        ),
    ),
    "Table of 1,000,000": Rate(klr.Table(EACH_STEP), lambda t: EACH_STEP[np.minimum(t, N - 1)]),
    "multi_step": Rate(
        klr.multi_step(0.1, 0.1, [N // 3, N // 2]), lambda t: np.select([t < N // 3, t < N // 2], [0.1, 0.01], 0.001)
    ),
}

COMPOSITIONS = {
    "Sequence of 4": Rate(
        klr.Sequence(
            [klr.Linear(0.01, 0.1, W), 0.1, klr.Cosine(0.1, 0.01, N // 2), klr.Linear(0.01, 0.0, W)],
            boundaries=[W, 2 * W, 2 * W + N // 2],
        ),
        lambda t: np.select(
            [t < W, t < 2 * W, t < 2 * W + N // 2],
            [line(t, 0.01, 0.1, W), 0.1, wave(t - 2 * W, 0.1, 0.01, N // 2)],
            line(t - 2 * W - N // 2, 0.01, 0.0, W),
        ),
    ),
    "Warmup": Rate(
        klr.Warmup(klr.InverseSqrt(0.1, steps=W), steps=W),
        lambda t: np.where(t < W, up(t), 0.1 / np.sqrt(1 + np.maximum(t - W, 0) / W)),
    ),
    "Delay": Rate(klr.Delay(klr.Linear(0.1, 0.0, steps=D), steps=W), lambda t: line(t - W, 0.1, 0.0, D)),
    "Skip": Rate(klr.Skip(klr.Cosine(0.1, 0.0, steps=N + W), steps=W), lambda t: wave(t + W, 0.1, 0.0, N + W)),
    "Stretch": Rate(klr.Stretch(klr.Cosine(0.1, 0.0, steps=N), 1.5), lambda t: wave(t / 1.5, 0.1, 0.0, N)),
    "Staircase": Rate(
        klr.Staircase(klr.Cosine(0.1, 0.0, steps=N), steps=225), lambda t: wave(t // 225 * 225, 0.1, 0.0, N)
    ),
    "PerUpdate": Rate(klr.PerUpdate(klr.Cosine(0.1, 0.0, steps=N), batches=4), lambda t: wave(t // 4, 0.1, 0.0, N)),
    "Repeat": Rate(
        klr.Repeat(klr.Linear(0.1, 0.0, steps=1000), period=1000, shrink=0.99),
        lambda t: 0.1 * 0.99 ** (t // 1000) * (1 - t % 1000 / 1000),
    ),
    "Repeat, growing": Rate(
        klr.Repeat(klr.Linear(0.1, 0.0, steps=1000), period=1000, growth=2),
        lambda t: 0.1 * (1 - doubling(t, 1000)[1]),
    ),
    "Product": Rate(
        klr.Product([klr.Linear(0.1, 0.0, steps=N), klr.Intervals([N // 2], [1.0, 0.5])]),
        lambda t: line(t, 0.1, 0.0, N) * np.where(t < N // 2, 1.0, 0.5),
    ),
    "Sum": Rate(
        klr.Sum([klr.Linear(0.1, 0.0, steps=N), klr.InverseTime(0.1, 1.0, steps=1000)]),
        lambda t: line(t, 0.1, 0.0, N) + 0.1 / (1 + t / 1000),
    ),
    "Clip": Rate(
        klr.Clip(klr.Linear(0.1, 0.0, steps=N), minimum=0.01, maximum=0.08),
        lambda t: np.clip(line(t, 0.1, 0.0, N), 0.01, 0.08),
    ),
    "Rescale": Rate(klr.Rescale(klr.Cosine(1.0, 0.0, steps=N), target=[0.95, 0.85]), lambda t: wave(t, 0.85, 0.95, N)),
    "Noise": Rate(
        klr.Noise(klr.Linear(0.1, 0.01, steps=N), scale=0.5, seed=3),
        lambda t: line(t, 0.1, 0.01, N) * (1 + 0.5 * shaken(t)),
    ),
}

POLICIES = {
    "one_cycle": Rate(
        klr.one_cycle(0.1, steps=N),
        lambda t: np.where(t < 3 * W, wave(t, 0.004, 0.1, 3 * W), wave(t - 3 * W, 0.1, 4e-7, 7 * W)),
    ),
    "one_cycle, three phases": Rate(
        klr.one_cycle(0.1, steps=N, three_phase=True),
        lambda t: np.select(
            [t < 3 * W, t < 6 * W],
            [wave(t, 0.004, 0.1, 3 * W), wave(t - 3 * W, 0.1, 0.004, 3 * W)],
            wave(t - 6 * W, 0.004, 4e-7, 4 * W),
        ),
    ),
    "one_cycle_momentum": Rate(
        klr.one_cycle_momentum(steps=N),
        lambda t: np.where(t < 3 * W, wave(t, 0.95, 0.85, 3 * W), wave(t - 3 * W, 0.85, 0.95, 7 * W)),
    ),
    "slanted_triangular": Rate(
        klr.slanted_triangular(0.1, steps=N),
        lambda t: np.where(t < W, line(t, 0.1 / 32, 0.1, W), line(t - W, 0.1, 0.1 / 32, D)),
    ),
    "warmup_cosine": Rate(klr.warmup_cosine(0.1, steps=N), lambda t: np.where(t < W, up(t), wave(t - W, 0.1, 0.0, D))),
    "warmup_cosine from 0": Rate(
        klr.warmup_cosine(0.1, steps=N, start=0.0),
        lambda t: np.where(t < W, 0.1 * t / W, wave(t - W, 0.1, 0.0, D)),
        KERAS.CosineDecay(0.0, D, warmup_target=0.1, warmup_steps=W),
    ),
    "warmup_linear": Rate(klr.warmup_linear(0.1, steps=N), lambda t: np.where(t < W, up(t), line(t - W, 0.1, 0.0, D))),
    "warmup_stable_decay": Rate(
        klr.warmup_stable_decay(0.1, steps=N, warmup=0.1, decay=0.2),
        lambda t: np.where(t < W, up(t), line(t - 8 * W, 0.1, 0.0, 2 * W)),
    ),
    "tri_stage": Rate(
        klr.tri_stage(0.1, steps=N),
        lambda t: np.where(t < W, line(t, 0.001, 0.1, W), 0.1 * 0.01 ** np.clip((t - 5 * W) / (5 * W), 0, 1)),
    ),
    "noam": Rate(klr.noam(0.1, steps=4000), lambda t: 0.1 * np.minimum((t + 1) / 4000, np.sqrt(4000 / (t + 1)))),
    "flat_cosine": Rate(klr.flat_cosine(0.1, steps=N), lambda t: wave(t - 3 * N // 4, 0.1, 0.0, N // 4)),
    "cooldown of InverseSqrt": Rate(
        klr.cooldown(klr.InverseSqrt(0.1, steps=W), steps=2 * W, after=8 * W),
        lambda t: 0.1 / np.sqrt(1 + t / W) * line(t - 8 * W, 1.0, 0.0, 2 * W),
    ),
    "sgdr, growing": Rate(
        klr.sgdr(0.1, period=1000, growth=2),
        lambda t: wave(doubling(t, 1000)[1], 0.1, 0.0, 1),
        KERAS.CosineDecayRestarts(0.1, 1000, t_mul=2.0),
    ),
    "sgdr, growing, shrinking, to a floor": Rate(
        klr.sgdr(0.1, period=1000, growth=2, shrink=0.9, end=0.01),
        lambda t: 0.01 + 0.09 * 0.9 ** doubling(t, 1000)[0] * wave(doubling(t, 1000)[1], 1.0, 0.0, 1),
    ),
    "triangular": Rate(klr.triangular(0.01, 0.1, up=2000), lambda t: 0.01 + 0.09 * zigzag(t, 2000)),
    "triangular, shrinking at each step": Rate(
        klr.triangular(0.01, 0.1, up=2000, rate=0.99999), lambda t: 0.01 + 0.09 * zigzag(t, 2000) * 0.99999**t
    ),
    "warmup of restarts, cooled down, clipped": Rate(
        klr.Clip(
            klr.cooldown(klr.Warmup(klr.sgdr(0.1, period=1000, growth=2), steps=W), steps=2 * W, after=8 * W),
            minimum=0.001,
        ),
        lambda t: np.maximum(
            np.where(t < W, up(t), wave(doubling(np.maximum(t - W, 0), 1000)[1], 0.1, 0.0, 1))
            * line(t - 8 * W, 1.0, 0.0, 2 * W),
            0.001,
        ),
    ),
}

RATES = {**CURVES, **TABLES, **COMPOSITIONS, **POLICIES}


def check(name):
    """A rate, in the graph and by numpy, is its formula; and Keras' own has the same values, as far as float32 goes."""
    rate = RATES[name]
    t = np.unique(np.concatenate([np.arange(20), np.geomspace(1, N - 1, 300).astype(int), np.arange(N - 20, N)]))
    expected, peak = rate.formula(t), rate.formula(np.arange(0, N, 499)).max()
    close = {"rtol": 1e-6, "atol": 1e-7 * peak, "err_msg": name}
    np.testing.assert_allclose(rate.schedule.values(t), expected, **close)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(rate.schedule(t)), expected, **close)
    if rate.keras is not None:
        some = [0, 1, 1000, W - 1, W, N // 2, N // 2 + 1, N - 1]
        theirs = [float(rate.keras(step)) for step in some]
        np.testing.assert_allclose(theirs, rate.formula(np.array(some)), rtol=1e-3, atol=1e-4 * peak, err_msg=name)
