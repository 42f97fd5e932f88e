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


def warped(start, end, steps, k):
    def formula(t):  # 1 - x**k, without the cancellation near the end
        left = 1 - share(t, steps)
        return end + (start - end) * (-math.expm1(k * math.log1p(-float(left))) if left < 1 else 1.0)

    return formula


def restarts(start, periods):
    def formula(t):
        within = Fraction(t)
        for period in periods[:-1]:
            if within < period:
                return cosine(start, 0.0, period)(within)
            within -= period
        return cosine(start, 0.0, periods[-1])(within)

    return formula


def warm(t):
    """A warmup of 2 steps from 0.2, and 4 down from 0.4, at any fraction of a step."""
    return float(0.4 * (t + 1) / 2) if t < 1 else 0.4 if t < 2 else 0.4 * float(1 - share(t - 2, 4))


def noisy(schedule, scale, seed):
    """The noise, in Python's own integers: cubes modulo a prime, as a cipher has them."""
    prime, keys = 46_337, (20_021, 7_919, 38_113)

    def mixed(value):
        for key in keys:
            value = pow(value + key, 3, prime)
        return value

    def formula(t):
        state = 0
        for digit in (seed % prime, seed // prime, t % prime, t // prime % prime, t // prime**2 % prime):
            state = mixed(state + digit)
        high = mixed(state)
        return float(schedule.values([t])[0]) * (1 + scale * (2 * (high + mixed(high) / prime) / prime - 1))

    return formula


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
    "polynomial, 1 - sqrt": Case(
        klr.Polynomial(0.1, 0.0, steps=MILLION, k=0.5),
        {0: 0.1, 250_000: 0.05, 640_000: 0.02, 999_999: 0.1 * 5.00000125e-7, MILLION: 0.0},
        warped(0.1, 0.0, MILLION, 0.5),
        (MILLION,),
    ),
    "polynomial, k and power": Case(
        klr.Polynomial(0.1, 0.02, steps=4, power=2.0, k=2.0),
        {0: 0.1, 1: 0.0903125, 2: 0.065, 3: 0.0353125, 4: 0.02},
        lambda t: 0.02 + 0.08 * (1 - float(share(t, 4)) ** 2) ** 2,
        (4,),
    ),
    "cosine, k": Case(
        klr.Cosine(0.1, 0.0, steps=4, k=2.0),
        {0: 0.1, 2: 0.05 * (1 + math.sqrt(0.5)), 4: 0.0},
        lambda t: 0.1 * math.sin(math.pi / 2 * (1 - float(share(t, 4)) ** 2)) ** 2,
        (4,),
    ),
    "cosine waves": Case(
        klr.CosineWaves(0.1, 0.02, steps=8, waves=1.5),
        {0: 0.1, 2: 0.06 - 0.04 * math.sqrt(0.5), 4: 0.06, 8: 0.02, 9: 0.02},
        lambda t: 0.06 + 0.04 * math.cos(2 * math.pi * 1.5 * min(t, 8) / 8),
        (8,),
    ),
    "cosine waves, an odd end": Case(
        klr.CosineWaves(0.1, 0.02, steps=1000, waves=1.375),
        {0: 0.1, 1000: 0.06 - 0.04 * math.sqrt(0.5), 5000: 0.06 - 0.04 * math.sqrt(0.5)},
        lambda t: 0.06 + 0.04 * math.cos(2 * math.pi * 1.375 * min(t, 1000) / 1000),
        (1000,),
    ),
    "tanh": Case(
        klr.Tanh(0.1, 0.01, steps=6, lower=-3.0, upper=3.0),
        {0: 0.01 + 0.045 * (1 - math.tanh(-3)), 3: 0.055, 6: 0.01, 7: 0.01},
        lambda t: 0.01 if t >= 6 else 0.01 + 0.045 * (1 - math.tanh(-3 + t)),
        (6,),
    ),
    "rex": Case(
        klr.Rex(0.3, 0.0, steps=10),
        {0: 0.3, 5: 0.2, 8: 0.1, 10: 0.0, 11: 0.0},
        lambda t: 0.3 * float((1 - share(t, 10)) / (1 - share(t, 10) / 2)),
        (10,),
    ),
    "approach": Case(
        klr.Approach(0.1, 0.01, steps=2, rate=0.25),
        {0: 0.1, 1: 0.04, 2: 0.01, 3: 0.01},
        lambda t: 0.01 + 0.09 * (0.25 ** float(share(t, 2)) - 0.25) / 0.75,
        (2,),
    ),
    "approach, rising": Case(
        klr.Approach(0.0, 0.3, steps=2, rate=4.0),
        {0: 0.0, 1: 0.1, 2: 0.3},
        lambda t: 0.1 * math.expm1(math.log(4) * float(share(t, 2))),
        (2,),
    ),
    "logarithmic": Case(
        klr.Logarithmic(0.0, 0.3, steps=7),
        {0: 0.0, 1: 0.1, 3: 0.2, 7: 0.3, 8: 0.3},
        lambda t: 0.3 * math.log(1 + min(t, 7)) / math.log(8),
        (7,),
    ),
    "logarithmic, falling": Case(
        klr.Logarithmic(0.3, 0.0, steps=7),
        {0: 0.3, 1: 0.2, 3: 0.1, 7: 0.0},
        lambda t: 0.3 * math.log(8 / (1 + min(t, 7))) / math.log(8),
        (7,),
    ),
    "hyperbolic": Case(
        klr.Hyperbolic(0.1, 0.0, steps=4, horizon=8),
        {0: 0.1, 4: 0.1 * (1 - math.sqrt(0.75)), 5: 0.1 * (1 - math.sqrt(0.75))},
        lambda t: 0.1 + 0.1 * (math.sqrt((4 - min(t, 4)) / 8 * (2 - (4 + min(t, 4)) / 8)) - math.sqrt(0.75)),
        (4,),
    ),
    "exp-hyperbolic": Case(
        klr.ExpHyperbolic(0.1, 0.001, steps=4, horizon=4),
        {0: 0.1, 2: 0.01, 4: 0.001, 5: 0.001},
        lambda t: 0.1 * 0.01 ** float(share(t, 4)),
        (4,),
    ),
    "power law": Case(
        klr.PowerLaw(0.1, steps=10, power=2.0),
        {0: 0.1, 10: 0.025, 90: 0.001, 990: 1e-5},
        lambda t: 0.1 / (1 + t / 10) ** 2,
        (10,),
    ),
    "inverse square root": Case(
        klr.InverseSqrt(0.1, steps=10),
        {0: 0.1, 30: 0.05, 80: 0.1 / 3, 990: 0.01, 9990: 0.1 / math.sqrt(1000)},
        lambda t: 0.1 / math.sqrt(1 + t / 10),
        (10,),
    ),
    "knots": Case(
        klr.Knots([2, 6, 7], [0.0, 0.4, 0.2, 0.2]),
        {0: 0.0, 1: 0.2, 2: 0.4, 4: 0.3, 6: 0.2, 7: 0.2, 99: 0.2},
        lambda t: 0.2 * t if t < 2 else 0.4 - 0.05 * (t - 2) if t < 6 else 0.2,
        (2, 6, 7),
    ),
    "knots of parts of steps": Case(
        klr.Knots([Fraction(5, 2), 2**24 + 1], [0.1, 0.2, 0.0]),
        {0: 0.1, 1: 0.14, 2: 0.18, 2**24 + 1: 0.0},
        lambda t: (
            0.1 + 0.04 * t
            if t < 3
            else float(Fraction(1, 5) * (1 - Fraction(2 * min(t, 2**24 + 1) - 5, 2 * (2**24 + 1) - 5)))
        ),
        (3, 2**24 + 1),
    ),
    "knots, waves between": Case(
        klr.Knots([2, 6], [0.0, 0.4, 0.0], interpolation="cosine"),
        {0: 0.0, 1: 0.2, 2: 0.4, 4: 0.2, 6: 0.0, 7: 0.0},
        lambda t: cosine(0.0, 0.4, 2)(t) if t < 2 else cosine(0.4, 0.0, 4)(t - 2),
        (2, 6),
    ),
    "knots, constant": Case(
        klr.Knots([2, 6], [0.1, 0.4, 0.2], interpolation="constant"),
        {0: 0.1, 1: 0.1, 2: 0.4, 5: 0.4, 6: 0.2, 7: 0.2},
        intervals([2, 6], [0.1, 0.4, 0.2]),
        (2, 6),
    ),
    "delay": Case(
        klr.Delay(klr.Linear(0.4, 0.0, steps=4), steps=2),
        {0: 0.4, 2: 0.4, 3: 0.3, 6: 0.0, 7: 0.0},
        lambda t: 0.4 * float(1 - share(max(t - 2, 0), 4)),
        (2, 6),
    ),
    "skip": Case(
        klr.Skip(klr.Linear(0.4, 0.0, steps=4), steps=Fraction(3, 2)),
        {0: 0.25, 1: 0.15, 2: 0.05, 3: 0.0},
        lambda t: 0.4 * float(1 - share(t + Fraction(3, 2), 4)),
        (3,),
    ),
    "staircase": Case(
        klr.Staircase(klr.Linear(0.4, 0.0, steps=10), steps=Fraction(5, 2)),
        {0: 0.4, 2: 0.4, 3: 0.3, 4: 0.3, 5: 0.2, 7: 0.2, 8: 0.1, 10: 0.0, 99: 0.0},
        lambda t: 0.4 * float(1 - share(t // Fraction(5, 2) * Fraction(5, 2), 10)),
        (3, 5, 8, 10),
    ),
    "stretch": Case(
        klr.Stretch(klr.Sequence([klr.Table([0.4, 0.2]), klr.Linear(0.3, 0.0, steps=2)], boundaries=[3]), 1.5),
        {0: 0.4, 1: 0.4, 2: 0.2, 4: 0.2, 5: 0.3, 6: 0.2, 7: 0.1, 8: 0.0},
        lambda t: (0.4 if t < 1.5 else 0.2) if t < 5 else 0.1 * max(0, 8 - t),
        (2, 5, 8),
    ),
    "repeat": Case(
        klr.Repeat(klr.Linear(0.4, 0.0, steps=4), period=4, shrink=0.5),
        {0: 0.4, 3: 0.1, 4: 0.2, 7: 0.05, 8: 0.1, 40: 0.4 / 1024, 2**24 + 1: 0.0},
        lambda t: 0.4 * 0.5 ** min(t // 4, 1000) * (1 - t % 4 / 4),
        (4, 8, 40),
    ),
    "repeat of a part of a step": Case(
        klr.Repeat(klr.Cosine(0.1, 0.0, steps=Fraction(1875, 2)), period=Fraction(1875, 2)),
        {0: 0.1, 1875: 0.1, 1875 * 10**5: 0.1},
        lambda t: cosine(0.1, 0.0, 1875)(2 * t % 1875),
        (938, 1875, 2813, 1875 * 10**5),
    ),
    "repeat, growing": Case(
        klr.Repeat(klr.Linear(0.4, 0.0, steps=2), period=2, growth=2),
        {0: 0.4, 1: 0.2, 2: 0.4, 3: 0.3, 5: 0.1, 6: 0.4, 13: 0.05, 14: 0.4, 2**25 - 2: 0.4, 2**25 - 3: 0.4 / 2**24},
        lambda t: (
            0.4 * (1 - (t + 2 - 2 ** ((t + 2).bit_length() - 1)) / 2 ** ((t + 2).bit_length() - 1))
            if t < 2**40
            else None
        ),
        (2, 6, 14, 2**25 - 2),
    ),
    "repeat, growing by parts of steps": Case(
        klr.Repeat(klr.Cosine(0.1, 0.0, steps=25), period=25, growth=1.5, cycles=4),
        {0: 0.1, 25: 0.1, 203: 0.1 * math.sin(math.pi / 2 * 0.125 / 84.375) ** 2, 204: 0.0},
        lambda t: restarts(0.1, [Fraction(25), Fraction(75, 2), Fraction(225, 4), Fraction(675, 8)])(t),
        (25, 62, 63, 118, 119, 203, 204),
    ),
    "repeat with listed periods": Case(
        klr.Repeat(klr.Warmup(klr.Linear(0.4, 0.0, steps=4), steps=2), period=[6, 3, 12]),
        {0: 0.2, 1: 0.4, 2: 0.4, 4: 0.2, 6: 0.2, 7: 0.4, 8: 0.2, 9: 0.2, 10: 0.3, 11: 0.4, 13: 0.4, 17: 0.2, 21: 0.0},
        lambda t: warm(Fraction(t)) if t < 6 else warm(Fraction(t - 6) * 2) if t < 9 else warm(Fraction(t - 9) / 2),
        (6, 9, 21),
    ),
    "repeat, limited": Case(
        klr.Repeat(klr.Linear(0.4, 0.0, steps=4), period=4, cycles=2),
        {0: 0.4, 3: 0.1, 4: 0.4, 7: 0.1, 8: 0.0, 9: 0.0},
        lambda t: 0.4 * (1 - t / 4) if t < 4 else 0.4 * max(0, 1 - (t - 4) / 4),
        (4, 8),
    ),
    "product": Case(
        klr.Product([klr.Linear(0.4, 0.0, steps=4), klr.Intervals([2], [1.0, 0.5]), 2.0]),
        {0: 0.8, 1: 0.6, 2: 0.2, 3: 0.1, 4: 0.0},
        lambda t: 0.8 * float(1 - share(t, 4)) * (1 if t < 2 else 0.5),
        (2, 4),
    ),
    "sum": Case(
        klr.Sum([klr.Linear(0.4, 0.0, steps=4), 0.1]),
        {0: 0.5, 1: 0.4, 4: 0.1, 5: 0.1},
        lambda t: 0.1 + 0.4 * float(1 - share(t, 4)),
        (4,),
    ),
    "clip": Case(
        klr.Clip(klr.Linear(0.4, 0.0, steps=4), minimum=0.15, maximum=0.35),
        {0: 0.35, 1: 0.3, 2: 0.2, 3: 0.15, 9: 0.15},
        lambda t: [0.35, 0.3, 0.2, 0.15][min(t, 3)],
        (4,),
    ),
    "rescale": Case(
        klr.Rescale(klr.Linear(0.02, 0.1, steps=4), target=[0.95, 0.85], source=[0.02, 0.1]),
        {0: 0.95, 1: 0.925, 2: 0.9, 4: 0.85, 5: 0.85},
        lambda t: 0.95 - 0.1 * float(share(t, 4)),
        (4,),
    ),
    "noise": Case(
        klr.Noise(klr.Linear(0.4, 0.1, steps=4), scale=0.5, seed=3),
        {0: 0.402522503787, 1: 0.235300068046, 2: 0.162735323822, 9: 0.083471265169},
        noisy(klr.Linear(0.4, 0.1, 4), 0.5, 3),
        (4,),
    ),
    "one cycle, three phases": Case(
        klr.one_cycle(0.4, steps=100, warmup=0.4, three_phase=True, curve=klr.Linear, start=0.1, end=0.0),
        {0: 0.1, 20: 0.25, 40: 0.4, 60: 0.25, 80: 0.1, 90: 0.05, 100: 0.0},
        lambda t: [0.1 + 0.0075 * t, 0.7 - 0.0075 * t, max(0.0, 0.1 - 0.005 * (t - 80))][min(t // 40, 2)],
        (40, 80, 100),
    ),
    "one cycle's momentum": Case(
        klr.one_cycle_momentum(steps=10),
        {0: 0.95, 3: 0.85, 10: 0.95, 11: 0.95},
        lambda t: cosine(0.95, 0.85, 3)(t) if t < 3 else cosine(0.85, 0.95, 7)(t - 3),
        (3, 10),
    ),
    "slanted triangular": Case(
        klr.slanted_triangular(0.32, steps=20),
        {0: 0.01, 1: 0.165, 2: 0.32, 11: 0.165, 20: 0.01, 21: 0.01},
        lambda t: 0.01 + 0.31 * (t / 2 if t < 2 else 1 - (min(t, 20) - 2) / 18),
        (2, 20),
    ),
    "warmup and line": Case(
        klr.warmup_linear(0.4, steps=20, end=0.04),
        {0: 0.2, 1: 0.4, 2: 0.4, 11: 0.22, 20: 0.04},
        lambda t: 0.2 * (t + 1) if t < 2 else 0.04 + 0.36 * float(1 - share(t - 2, 18)),
        (2, 20),
    ),
    "warmup, stable, decay": Case(
        klr.warmup_stable_decay(0.4, steps=20, warmup=0.1, decay=0.2, curve=klr.Cosine),
        {0: 0.2, 1: 0.4, 15: 0.4, 16: 0.4, 18: 0.2, 20: 0.0},
        lambda t: 0.2 * (t + 1) if t < 2 else cosine(0.4, 0.0, 4)(max(t - 16, 0)),
        (2, 16, 20),
    ),
    "three stages": Case(
        klr.tri_stage(0.4, steps=10, decay=0.4),
        {0: 0.004, 1: 0.4, 6: 0.4, 8: 0.04, 10: 0.004, 11: 0.004},
        lambda t: 0.004 if t == 0 else 0.4 * 0.01 ** float(share(max(t - 6, 0), 4)),
        (1, 6, 10),
    ),
    "noam": Case(
        klr.noam(0.4, steps=4),
        {0: 0.1, 1: 0.2, 3: 0.4, 15: 0.2, 399: 0.04},
        lambda t: 0.4 * min((t + 1) / 4, math.sqrt(4 / (t + 1))),
        (4,),
    ),
    "sgdr": Case(
        klr.sgdr(0.5, period=2, shrink=0.5, end=0.1),
        {0: 0.5, 1: 0.3, 2: 0.3, 3: 0.2, 4: 0.2},
        lambda t: 0.1 + 0.4 * 0.5 ** min(t // 2, 2000) * (1 - t % 2 / 2),
        (2, 4),
    ),
    "triangular": Case(
        klr.triangular(0.1, 0.5, up=2, down=4, shrink=0.5, rate=0.9),
        {0: 0.1, 1: 0.1 + 0.2 * 0.9, 2: 0.1 + 0.4 * 0.81, 6: 0.1, 8: 0.1 + 0.2 * 0.9**8},
        lambda t: (
            0.1
            + 0.4 * 0.5 ** min(t // 6, 2000) * 0.9 ** min(t, 10**5) * (t % 6 / 2 if t % 6 < 2 else 1 - (t % 6 - 2) / 4)
        ),
        (2, 6, 8),
    ),
    "multi-step": Case(
        klr.multi_step(0.4, 0.5, [2, 4]),
        {0: 0.4, 1: 0.4, 2: 0.2, 3: 0.2, 4: 0.1, 5: 0.1},
        intervals([2, 4], [0.4, 0.2, 0.1]),
        (2, 4),
    ),
    "flat, then cosine": Case(
        klr.flat_cosine(0.4, steps=8),
        {0: 0.4, 6: 0.4, 7: 0.2, 8: 0.0, 9: 0.0},
        lambda t: cosine(0.4, 0.0, 2)(max(t - 6, 0)),
        (6, 8),
    ),
    "cooldown": Case(
        klr.cooldown(klr.InverseSqrt(0.4, steps=1), steps=4, after=8, end=0.1),
        {0: 0.4, 3: 0.2, 8: 0.4 / 3, 12: 0.1, 13: 0.1},
        lambda t: 0.1 + (0.4 / math.sqrt(1 + t) - 0.1) * float(1 - share(max(t - 8, 0), 4)),
        (8, 12),
    ),
}
