"""The table of the schedules: instances, values worked out by hand, formulas in float64.

Each class of `keras_lr` needs a row here; the checks in `test_schedules.py` go
through all of them.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

import keras

import keras_lr as klr

MILLION = 10**6


@dataclass
class Case:
    schedule: klr.Schedule
    by_hand: dict  # step -> value, worked out with pen and paper
    formula: object  # step >= 0 -> value, in Python's exact integers and float64
    boundaries: tuple = ()


def share(t, steps):
    return Fraction(min(t, steps)) / steps


def power(start, end, steps, exponent):
    def formula(t):
        left = 1 - share(t, steps)
        if left == 0 or start >= end:
            return end + (start - end) * float(left) ** exponent
        return (
            end + (start - end) * math.exp(exponent * math.log1p(-float(share(t, steps))))
            if start
            else (-end * math.expm1(exponent * math.log1p(-float(share(t, steps)))))
        )

    return formula


def cosine(start, end, steps, exponent=1.0):
    def formula(t):  # (1 + cos x) / 2 = sin((pi - x) / 2)**2, which float64 keeps exact at both ends
        left, done = (math.sin(math.pi / 2 * float(x)) ** 2 for x in (1 - share(t, steps), share(t, steps)))
        if exponent == 1:
            return start * left + end * done
        return end + (start - end) * left**exponent

    return formula


def exponential(start, rate, steps, staircase=False, end=None):
    def formula(t):
        exponent = math.floor(Fraction(t) / steps) if staircase else float(Fraction(t) / steps)
        value = (
            start * math.exp(math.log(rate) * exponent)
            if exponent < 2_000 / abs(math.log(rate))
            else (0.0 if rate < 1 else math.inf)
        )
        return value if end is None else (max(value, end) if rate < 1 else min(value, end))

    return formula


def intervals(boundaries, values):
    return lambda t: values[bisect_right(boundaries, t)]


CASES = {
    "constant": Case(klr.Constant(0.01), {0: 0.01, 5: 0.01, 2**24 + 1: 0.01}, lambda t: 0.01),
    "table": Case(
        klr.Table([0.1, 0.2, 0.01, 0.03]),
        {0: 0.1, 1: 0.2, 2: 0.01, 3: 0.03, 4: 0.03, 2**24 + 1: 0.03},
        lambda t: [0.1, 0.2, 0.01, 0.03][min(t, 3)],
        (1, 2, 3),
    ),
    "table of one": Case(klr.Table([0.3]), {0: 0.3, 9: 0.3}, lambda t: 0.3),
    "intervals": Case(
        klr.Intervals([4500, 13_500, 2**24 + 1], [0.1, 0.01, 0.001, 0.0001]),
        {0: 0.1, 4499: 0.1, 4500: 0.01, 13_499: 0.01, 13_500: 0.001, 2**24: 0.001, 2**24 + 1: 0.0001},
        intervals([4500, 13_500, 2**24 + 1], [0.1, 0.01, 0.001, 0.0001]),
        (4500, 13_500, 2**24 + 1),
    ),
    "intervals past int32": Case(
        klr.Intervals([10, 2**31 + 5], [0.1, 0.01, 0.5]),
        {9: 0.1, 10: 0.01, 2**31 - 1: 0.01},
        intervals([10, 2**31 + 5], [0.1, 0.01, 0.5]),
        (10, 2**31 + 5),
    ),
    "intervals of parts of steps": Case(
        klr.Intervals([Fraction(1875, 2), Fraction(1875)], [3.0, 2.0, 1.0]),
        {937: 3.0, 938: 2.0, 1874: 2.0, 1875: 1.0},
        intervals([938, 1875], [3.0, 2.0, 1.0]),
        (938, 1875),
    ),
    "intervals without boundaries": Case(klr.Intervals([], [0.2]), {0: 0.2, 7: 0.2}, lambda t: 0.2),
    "linear": Case(
        klr.Linear(0.1, 0.02, steps=10),
        {0: 0.1, 1: 0.092, 5: 0.06, 10: 0.02, 11: 0.02, 2**24 + 1: 0.02},
        lambda t: 0.1 - 0.08 * float(share(t, 10)),
        (10,),
    ),
    "linear, long": Case(
        klr.Linear(0.1, 0.0, steps=2**25),
        {0: 0.1, 2**24: 0.05, 2**25 - 1: 0.1 / 2**25, 2**25: 0.0},
        lambda t: 0.1 * float(1 - share(t, 2**25)),
        (2**25,),
    ),
    "linear, past int32": Case(
        klr.Linear(0.0, 0.1, steps=2**33),
        {0: 0.0, 1: 0.1 / 2**33, 2**24 + 1: 0.1 * (2**24 + 1) / 2**33},
        lambda t: 0.1 * float(share(t, 2**33)),
    ),
    "linear of part of a step": Case(
        klr.Linear(0.3, 0.0, steps=Fraction(3, 2)),
        {0: 0.3, 1: 0.1, 2: 0.0},
        lambda t: 0.3 * float(1 - share(t, Fraction(3, 2))),
        (2,),
    ),
    "linear of one step": Case(klr.Linear(0.3, 0.1, steps=1), {0: 0.3, 1: 0.1, 2: 0.1}, lambda t: 0.1 if t else 0.3),
    "polynomial": Case(
        klr.Polynomial(0.1, 0.02, steps=4, power=2.0),
        {0: 0.1, 1: 0.065, 2: 0.04, 3: 0.025, 4: 0.02, 5: 0.02},
        power(0.1, 0.02, 4, 2.0),
        (4,),
    ),
    "polynomial, root": Case(
        klr.Polynomial(0.1, 0.0, steps=MILLION, power=0.5),
        {0: 0.1, 750_000: 0.05, 999_999: 1e-4, MILLION: 0.0},
        power(0.1, 0.0, MILLION, 0.5),
        (MILLION,),
    ),
    "polynomial, rising": Case(
        klr.Polynomial(0.0, 0.1, steps=MILLION, power=2.0),
        {0: 0.0, 1: 0.1 * 1.999999e-6, 500_000: 0.075, MILLION: 0.1, 2**24 + 1: 0.1},
        power(0.0, 0.1, MILLION, 2.0),
        (MILLION,),
    ),
    "polynomial, straight": Case(
        klr.Polynomial(0.1, 0.0, steps=4), {0: 0.1, 1: 0.075, 4: 0.0}, power(0.1, 0.0, 4, 1.0), (4,)
    ),
    "cosine": Case(
        klr.Cosine(0.1, 0.0, steps=MILLION),
        {0: 0.1, 500_000: 0.05, 333_333: 0.0750000453449, 999_999: 2.467401100270e-13, MILLION: 0.0, 2**24 + 1: 0.0},
        cosine(0.1, 0.0, MILLION),
        (MILLION,),
    ),
    "cosine, rising": Case(
        klr.Cosine(0.0, 0.1, steps=MILLION),
        {0: 0.0, 1: 2.467401100270e-13, 500_000: 0.05, MILLION: 0.1},
        cosine(0.0, 0.1, MILLION),
        (MILLION,),
    ),
    "cosine to a floor": Case(
        klr.Cosine(0.1, 0.01, steps=2), {0: 0.1, 1: 0.055, 2: 0.01, 3: 0.01}, cosine(0.1, 0.01, 2), (2,)
    ),
    "cosine squared": Case(
        klr.Cosine(0.1, 0.0, steps=2, exponent=2.0),
        {0: 0.1, 1: 0.025, 2: 0.0},
        cosine(0.1, 0.0, 2, 2.0),
        (2,),
    ),
    "exponential": Case(
        klr.Exponential(0.1, 0.5, steps=10),
        {0: 0.1, 10: 0.05, 20: 0.025, 5: 0.0707106781187, 100: 0.1 / 1024},
        exponential(0.1, 0.5, 10),
        (10,),
    ),
    "exponential, slow": Case(
        klr.Exponential(0.1, 0.96, steps=100_000),
        {0: 0.1, 100_000: 0.096, 200_000: 0.09216},
        exponential(0.1, 0.96, 100_000),
        (100_000,),
    ),
    "exponential in stairs": Case(
        klr.Exponential(0.01, 0.95, steps=Fraction(1875, 2), staircase=True),
        {0: 0.01, 937: 0.01, 938: 0.0095, 1874: 0.0095, 1875: 0.009025, 2812: 0.009025, 2813: 0.00857375},
        exponential(0.01, 0.95, Fraction(1875, 2), staircase=True),
        (938, 1875, 2813, 18_750, 1_875_000),
    ),
    "exponential in whole stairs": Case(
        klr.Exponential(0.1, 0.1, steps=30, staircase=True, end=1e-4),
        {0: 0.1, 29: 0.1, 30: 0.01, 60: 0.001, 90: 1e-4, 120: 1e-4, 2**24 + 1: 1e-4},
        exponential(0.1, 0.1, 30, staircase=True, end=1e-4),
        (30, 60, 90, 120),
    ),
    "exponential in odd stairs": Case(
        klr.Exponential(1.0, 0.99999, steps=Fraction(1_281_167, 256), staircase=True),
        {0: 1.0, 5004: 1.0, 5005: 0.99999, 10_009: 0.99999, 10_010: 0.9999800001},
        exponential(1.0, 0.99999, Fraction(1_281_167, 256), staircase=True),
        (5005, 10_010, 1_281_167, 1_281_167 * 13),
    ),
    "exponential, growing": Case(
        klr.Exponential(1e-7, 10.0, steps=100, end=10.0),
        {0: 1e-7, 100: 1e-6, 700: 1.0, 800: 10.0, 900: 10.0},
        exponential(1e-7, 10.0, 100, end=10.0),
        (100, 800),
    ),
    "exponential, flat": Case(klr.Exponential(0.1, 1.0, steps=5), {0: 0.1, 9: 0.1}, lambda t: 0.1),
    "inverse time": Case(
        klr.InverseTime(0.1, 0.5, steps=10),
        {0: 0.1, 10: 0.1 / 1.5, 20: 0.05, 180: 0.01},
        lambda t: 0.1 / (1 + 0.5 * t / 10),
        (10,),
    ),
    "inverse time in stairs": Case(
        klr.InverseTime(0.1, 1.0, steps=10, staircase=True),
        {0: 0.1, 9: 0.1, 10: 0.05, 19: 0.05, 40: 0.02},
        lambda t: 0.1 / (1 + t // 10),
        (10, 20),
    ),
    "sequence": Case(
        klr.Sequence([0.4, klr.Linear(0.4, 0.0, steps=4), klr.Table([0.1, 0.2])], boundaries=[3, 10]),
        {0: 0.4, 2: 0.4, 3: 0.4, 4: 0.3, 7: 0.0, 9: 0.0, 10: 0.1, 11: 0.2, 99: 0.2},
        lambda t: 0.4 if t < 3 else 0.4 * float(1 - share(t - 3, 4)) if t < 10 else [0.1, 0.2][min(t - 10, 1)],
        (3, 10),
    ),
    "sequence of one": Case(
        klr.Sequence([klr.Linear(0.1, 0.0, steps=10)], boundaries=[]),
        {0: 0.1, 5: 0.05, 10: 0.0},
        lambda t: 0.1 * float(1 - share(t, 10)),
    ),
    "sequence past int32": Case(
        klr.Sequence([klr.Constant(0.1), klr.Linear(0.1, 0.0, steps=10)], boundaries=[2**31 + 5]),
        {0: 0.1, 2**31 - 1: 0.1},
        lambda t: 0.1 if t < 2**31 + 5 else 0.1 * float(1 - share(t - 2**31 - 5, 10)),
    ),
    "sequence with Keras' own": Case(
        klr.Sequence([0.1, keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 1.0)], boundaries=[5]),
        {0: 0.1, 4: 0.1, 5: 0.1, 15: 0.05},
        lambda t: 0.1 if t < 5 else 0.1 / (1 + (t - 5) / 10),
        (5,),
    ),
    "warmup": Case(
        klr.Warmup(klr.Linear(0.4, 0.0, steps=4), steps=4),
        {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4, 4: 0.4, 5: 0.3, 8: 0.0, 9: 0.0},
        lambda t: 0.1 * (t + 1) if t < 4 else 0.4 * float(1 - share(t - 4, 4)),
        (4, 8),
    ),
    "warmup from a start": Case(
        klr.Warmup(0.4, steps=4, start=0.2),
        {0: 0.2, 1: 0.25, 2: 0.3, 4: 0.4, 5: 0.4},
        lambda t: 0.2 + 0.2 * float(share(t, 4)),
        (4,),
    ),
    "per update": Case(
        klr.PerUpdate(klr.Table([0.1, 0.2, 0.3]), batches=4),
        {0: 0.1, 3: 0.1, 4: 0.2, 7: 0.2, 8: 0.3, 99: 0.3},
        lambda t: [0.1, 0.2, 0.3][min(t // 4, 2)],
        (4, 8),
    ),
    "Sutskever's momentum": Case(
        klr.SutskeverMomentum(0.99, steps=250),
        {0: 0.5, 249: 0.5, 250: 0.75, 999: 0.875, 1000: 0.9, 12_249: 1 - 0.5 / 49, 12_250: 0.99, 2 * MILLION: 0.99},
        lambda t: min(1 - 0.5 / (t // 250 + 1), 0.99),
        (250, 500, 12_250),
    ),
    "Demon": Case(
        klr.Demon(0.9, steps=MILLION),
        {0: 0.9, 500_000: 0.45 / 0.55, 900_000: 0.09 / 0.19, MILLION: 0.0, 2 * MILLION: 0.0},
        lambda t: 0.9 * float(1 - share(t, MILLION)) / (0.1 + 0.9 * float(1 - share(t, MILLION))),
        (MILLION,),
    ),
    "one cycle": Case(
        klr.one_cycle(0.4, steps=MILLION),
        {0: 0.016, 300_000: 0.4, MILLION: 1.6e-6, 2 * MILLION: 1.6e-6},
        lambda t: cosine(0.016, 0.4, 300_000)(t) if t < 300_000 else cosine(0.4, 1.6e-6, 700_000)(t - 300_000),
        (300_000, MILLION),
    ),
    "one cycle of two steps": Case(
        klr.one_cycle(0.4, steps=2), {0: 0.016, 1: 0.4, 2: 1.6e-6}, lambda t: [0.016, 0.4, 1.6e-6][min(t, 2)], (1, 2)
    ),
    "warmup and cosine": Case(
        klr.warmup_cosine(0.4, steps=20),
        {0: 0.2, 1: 0.4, 2: 0.4, 11: 0.2, 20: 0.0, 21: 0.0},
        lambda t: 0.2 * (t + 1) if t < 2 else cosine(0.4, 0.0, 18)(t - 2),
        (2, 20),
    ),
}
