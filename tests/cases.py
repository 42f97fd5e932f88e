"""The table of the schedules: instances, values worked out by hand, formulas in float64.

Each class of `keras_lr` needs a row here; the checks in `test_schedules.py` go
through all of them. `docs/gallery.py` draws one row of each schedule and policy,
with its values worked out by hand.
"""

import math
import zlib
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


def doublings(t, first):
    """Which cycle it is, if each is twice as long as the one before, and the share of it that is over."""
    cycle = (t // first + 1).bit_length() - 1
    return cycle, Fraction(t - first * (2**cycle - 1), first * 2**cycle)


def warm(t):
    """A warmup of 2 steps from 0.2, and 4 down from 0.4, at any fraction of a step."""
    return float(0.4 * (t + 1) / 2) if t < 1 else 0.4 if t < 2 else 0.4 * float(1 - share(t - 2, 4))


def noisy(schedule, scale, seed):
    """The noise, in Python's own integers: those of 32 bits, taken to each other three times."""

    def formula(t):
        state = (t * 0x9E3779B9 + zlib.crc32(str(seed).encode()) + 2**31) % 2**32
        state ^= (state - 2**32 * (state >= 2**31)) // 2**15 % 2**32  # the bits that come in are those of the sign
        state = state * (2 * state + 1) % 2**32
        return float(schedule.values([t])[0]) * (1 + scale * (state % 2**31 // 2**7 / 2**23 - 1))

    return formula


CASES = {
    "constant": Case(klr.Constant(0.01), {0: 0.01, 5: 0.01, 2**24 + 1: 0.01}, lambda t: 0.01),
    "table": Case(
        klr.Table([0.1, 0.2, 0.05, 0.15]),
        {0: 0.1, 1: 0.2, 2: 0.05, 3: 0.15, 4: 0.15, 2**24 + 1: 0.15},
        lambda t: [0.1, 0.2, 0.05, 0.15][min(t, 3)],
        (1, 2, 3),
    ),
    "table of one": Case(klr.Table([0.3]), {0: 0.3, 9: 0.3}, lambda t: 0.3),
    "intervals": Case(
        klr.Intervals([400, 700], [0.1, 0.05, 0.02]),
        {0: 0.1, 399: 0.1, 400: 0.05, 699: 0.05, 700: 0.02, 900: 0.02},
        intervals([400, 700], [0.1, 0.05, 0.02]),
        (400, 700),
    ),
    "intervals past int32": Case(
        klr.Intervals([10, 2**24 + 1, 2**31 + 5], [0.1, 0.01, 0.2, 0.5]),
        {9: 0.1, 10: 0.01, 2**24: 0.01, 2**24 + 1: 0.2, 2**31 - 1: 0.2},
        intervals([10, 2**24 + 1, 2**31 + 5], [0.1, 0.01, 0.2, 0.5]),
        (10, 2**24 + 1, 2**31 + 5),
    ),
    "intervals of parts of steps": Case(
        klr.Intervals([Fraction(1875, 2), Fraction(1875)], [3.0, 2.0, 1.0]),
        {937: 3.0, 938: 2.0, 1874: 2.0, 1875: 1.0},
        intervals([938, 1875], [3.0, 2.0, 1.0]),
        (938, 1875),
    ),
    "intervals without boundaries": Case(klr.Intervals([], [0.2]), {0: 0.2, 7: 0.2}, lambda t: 0.2),
    "linear": Case(
        klr.Linear(0.1, 0.02, steps=1000),
        {0: 0.1, 250: 0.08, 500: 0.06, 750: 0.04, 1000: 0.02, 1001: 0.02, 2**24 + 1: 0.02},
        lambda t: 0.1 - 0.08 * float(share(t, 1000)),
        (1000,),
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
    "linear, falling past int32": Case(
        klr.Linear(0.1, 0.0, steps=2**33),
        {0: 0.1, 2**31 - 1: 0.1 * (2**33 - 2**31 + 1) / 2**33},
        lambda t: 0.1 * float(1 - share(t, 2**33)),
    ),
    "linear of part of a step": Case(
        klr.Linear(0.3, 0.0, steps=Fraction(3, 2)),
        {0: 0.3, 1: 0.1, 2: 0.0},
        lambda t: 0.3 * float(1 - share(t, Fraction(3, 2))),
        (2,),
    ),
    "linear of one step": Case(klr.Linear(0.3, 0.1, steps=1), {0: 0.3, 1: 0.1, 2: 0.1}, lambda t: 0.1 if t else 0.3),
    "polynomial": Case(
        klr.Polynomial(0.1, 0.02, steps=1000, power=2.0),
        {0: 0.1, 250: 0.065, 500: 0.04, 750: 0.025, 1000: 0.02, 1001: 0.02},
        power(0.1, 0.02, 1000, 2.0),
        (1000,),
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
        klr.Cosine(0.1, 0.01, steps=1200),
        {0: 0.1, 400: 0.0775, 600: 0.055, 800: 0.0325, 1200: 0.01, 1201: 0.01},
        cosine(0.1, 0.01, 1200),
        (1200,),
    ),
    "cosine squared": Case(
        klr.Cosine(0.1, 0.0, steps=2, exponent=2.0),
        {0: 0.1, 1: 0.025, 2: 0.0},
        cosine(0.1, 0.0, 2, 2.0),
        (2,),
    ),
    "exponential": Case(
        klr.Exponential(0.1, 0.5, steps=100),
        {0: 0.1, 50: 0.0707106781187, 100: 0.05, 200: 0.025, 400: 0.1 / 16},
        exponential(0.1, 0.5, 100),
        (100,),
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
        {0: 0.1, 10: 0.1 / 1.5, 20: 0.05, 60: 0.025, 180: 0.01},
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
        klr.Sequence([0.3, klr.Linear(0.4, 0.1, steps=300), 0.2], boundaries=[300, 700]),
        {0: 0.3, 299: 0.3, 300: 0.4, 450: 0.25, 600: 0.1, 699: 0.1, 700: 0.2, 900: 0.2},
        lambda t: 0.3 if t < 300 else 0.1 + 0.3 * float(1 - share(t - 300, 300)) if t < 700 else 0.2,
        (300, 600, 700),
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
        klr.Warmup(klr.Linear(0.4, 0.0, steps=800), steps=200),
        {0: 0.002, 99: 0.2, 199: 0.4, 200: 0.4, 600: 0.2, 1000: 0.0, 1001: 0.0},
        lambda t: 0.002 * (t + 1) if t < 200 else 0.4 * float(1 - share(t - 200, 800)),
        (200, 1000),
    ),
    "warmup from a start": Case(
        klr.Warmup(0.4, steps=4, start=0.2),
        {0: 0.2, 1: 0.25, 2: 0.3, 4: 0.4, 5: 0.4},
        lambda t: 0.2 + 0.2 * float(share(t, 4)),
        (4,),
    ),
    "per update": Case(
        klr.PerUpdate(klr.Table([0.3, 0.2, 0.1]), batches=4),
        {0: 0.3, 3: 0.3, 4: 0.2, 7: 0.2, 8: 0.1, 12: 0.1},
        lambda t: [0.3, 0.2, 0.1][min(t // 4, 2)],
        (4, 8),
    ),
    "Sutskever's momentum": Case(
        klr.SutskeverMomentum(0.95, steps=250),
        {0: 0.5, 249: 0.5, 250: 0.75, 999: 0.875, 1000: 0.9, 2249: 1 - 0.5 / 9, 2250: 0.95, 2500: 0.95},
        lambda t: min(1 - 0.5 / (t // 250 + 1), 0.95),
        (250, 500, 2250),
    ),
    "Demon": Case(
        klr.Demon(0.9, steps=1000),
        {0: 0.9, 500: 0.45 / 0.55, 900: 0.09 / 0.19, 1000: 0.0, 1100: 0.0},
        lambda t: 0.9 * float(1 - share(t, 1000)) / (0.1 + 0.9 * float(1 - share(t, 1000))),
        (1000,),
    ),
    "one cycle": Case(
        klr.one_cycle(0.4, steps=1000),
        {0: 0.016, 150: 0.208, 300: 0.4, 650: 0.2000008, 1000: 1.6e-6, 1001: 1.6e-6},
        lambda t: cosine(0.016, 0.4, 300)(t) if t < 300 else cosine(0.4, 1.6e-6, 700)(t - 300),
        (300, 1000),
    ),
    "one cycle of two steps": Case(
        klr.one_cycle(0.4, steps=2), {0: 0.016, 1: 0.4, 2: 1.6e-6}, lambda t: [0.016, 0.4, 1.6e-6][min(t, 2)], (1, 2)
    ),
    "warmup and cosine": Case(
        klr.warmup_cosine(0.4, steps=1000),
        {0: 0.004, 49: 0.2, 99: 0.4, 100: 0.4, 550: 0.2, 1000: 0.0, 1001: 0.0},
        lambda t: 0.004 * (t + 1) if t < 100 else cosine(0.4, 0.0, 900)(t - 100),
        (100, 1000),
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
    "polynomial, k and power, rising": Case(
        klr.Polynomial(0.02, 0.1, steps=5, power=0.5, k=2.0),
        {0: 0.02, 3: 0.036, 4: 0.052, 5: 0.1, 6: 0.1},
        lambda t: 0.1 - 0.08 * math.sqrt(1 - float(share(t, 5)) ** 2),
        (5,),
    ),
    "cosine, k": Case(
        klr.Cosine(0.1, 0.0, steps=4, k=2.0),
        {0: 0.1, 2: 0.05 * (1 + math.sqrt(0.5)), 4: 0.0},
        lambda t: 0.1 * math.sin(math.pi / 2 * (1 - float(share(t, 4)) ** 2)) ** 2,
        (4,),
    ),
    "cosine waves": Case(
        klr.CosineWaves(0.1, 0.02, steps=800, waves=1.5),
        {0: 0.1, 200: 0.06 - 0.04 * math.sqrt(0.5), 400: 0.06, 800: 0.02, 801: 0.02},
        lambda t: 0.06 + 0.04 * math.cos(2 * math.pi * 1.5 * min(t, 800) / 800),
        (800,),
    ),
    "cosine waves, an odd end": Case(
        klr.CosineWaves(0.1, 0.02, steps=1000, waves=1.375),
        {0: 0.1, 1000: 0.06 - 0.04 * math.sqrt(0.5), 5000: 0.06 - 0.04 * math.sqrt(0.5)},
        lambda t: 0.06 + 0.04 * math.cos(2 * math.pi * 1.375 * min(t, 1000) / 1000),
        (1000,),
    ),
    "cosine waves, rising": Case(
        klr.CosineWaves(0.0, 0.1, steps=Fraction(1875, 2), waves=2.25),
        {
            0: 0.0,
            625: 0.1 * math.sin(math.pi * 1.5) ** 2,
            937: 0.1 * math.sin(math.pi * 2.2488) ** 2,
            938: 0.05,
            5000: 0.05,
        },
        lambda t: (
            0.1
            * math.sin(
                math.pi * float((share(t, Fraction(1875, 2)) * Fraction(9, 4) + Fraction(1, 2)) % 1 - Fraction(1, 2))
            )
            ** 2
        ),
        (209, 417, 938),
    ),
    "tanh, rising": Case(
        klr.Tanh(0.0, 0.1, steps=600),
        {
            0: 0.1 / (1 + math.exp(12)),
            400: 0.05,
            500: 0.1 / (1 + math.exp(-3)),
            599: 0.1 / (1 + math.exp(-5.97)),
            600: 0.1,
        },
        lambda t: 0.1 if t >= 600 else 0.1 / (1 + math.exp(12 - 0.03 * t)),
        (600,),
    ),
    "tanh": Case(
        klr.Tanh(0.1, 0.01, steps=600, lower=-3.0, upper=3.0),
        {
            0: 0.01 + 0.045 * (1 - math.tanh(-3)),
            300: 0.055,
            400: 0.01 + 0.045 * (1 - math.tanh(1)),
            600: 0.01,
            601: 0.01,
        },
        lambda t: 0.01 if t >= 600 else 0.01 + 0.045 * (1 - math.tanh(-3 + t / 100)),
        (600,),
    ),
    "rex": Case(
        klr.Rex(0.3, 0.0, steps=1000),
        {0: 0.3, 500: 0.2, 800: 0.1, 1000: 0.0, 1001: 0.0},
        lambda t: 0.3 * float((1 - share(t, 1000)) / (1 - share(t, 1000) / 2)),
        (1000,),
    ),
    "approach": Case(
        klr.Approach(0.1, 0.01, steps=1000, rate=0.25),
        {0: 0.1, 500: 0.04, 1000: 0.01, 1001: 0.01},
        lambda t: 0.01 + 0.09 * (0.25 ** float(share(t, 1000)) - 0.25) / 0.75,
        (1000,),
    ),
    "approach, rising": Case(
        klr.Approach(0.0, 0.3, steps=2, rate=4.0),
        {0: 0.0, 1: 0.1, 2: 0.3},
        lambda t: 0.1 * math.expm1(math.log(4) * float(share(t, 2))),
        (2,),
    ),
    "logarithmic": Case(
        klr.Logarithmic(0.0, 0.3, steps=1023),
        {0: 0.0, 1: 0.03, 31: 0.15, 127: 0.21, 511: 0.27, 1023: 0.3, 1024: 0.3},
        lambda t: 0.3 * math.log(1 + min(t, 1023)) / math.log(1024),
        (1023,),
    ),
    "logarithmic, falling": Case(
        klr.Logarithmic(0.3, 0.0, steps=7),
        {0: 0.3, 1: 0.2, 3: 0.1, 7: 0.0},
        lambda t: 0.3 * math.log(8 / (1 + min(t, 7))) / math.log(8),
        (7,),
    ),
    "hyperbolic": Case(
        klr.Hyperbolic(0.1, 0.0, steps=400, horizon=800),
        {0: 0.1, 200: 0.1 + 0.1 * (math.sqrt(0.3125) - math.sqrt(0.75)), 400: 0.1 * (1 - math.sqrt(0.75))},
        lambda t: (
            0.1 + 0.1 * (math.sqrt((400 - min(t, 400)) / 800 * (2 - (400 + min(t, 400)) / 800)) - math.sqrt(0.75))
        ),
        (400,),
    ),
    "exp-hyperbolic": Case(
        klr.ExpHyperbolic(0.1, 0.001, steps=400, horizon=400),
        {0: 0.1, 100: 0.0316227766017, 200: 0.01, 400: 0.001, 401: 0.001},
        lambda t: 0.1 * 0.01 ** float(share(t, 400)),
        (400,),
    ),
    "power law": Case(
        klr.PowerLaw(0.1, steps=100, power=2.0),
        {0: 0.1, 100: 0.025, 400: 0.004, 900: 0.001},
        lambda t: 0.1 / (1 + t / 100) ** 2,
        (100,),
    ),
    "inverse square root": Case(
        klr.InverseSqrt(0.1, steps=100),
        {0: 0.1, 300: 0.05, 800: 0.1 / 3, 1500: 0.025},
        lambda t: 0.1 / math.sqrt(1 + t / 100),
        (100,),
    ),
    "knots": Case(
        klr.Knots([200, 600, 700], [0.0, 0.4, 0.2, 0.2]),
        {0: 0.0, 100: 0.2, 200: 0.4, 400: 0.3, 600: 0.2, 700: 0.2, 800: 0.2},
        lambda t: 0.002 * t if t < 200 else 0.4 - 0.0005 * (t - 200) if t < 600 else 0.2,
        (200, 600, 700),
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
        klr.Delay(klr.Linear(0.4, 0.0, steps=600), steps=300),
        {0: 0.4, 300: 0.4, 600: 0.2, 900: 0.0, 901: 0.0},
        lambda t: 0.4 * float(1 - share(max(t - 300, 0), 600)),
        (300, 900),
    ),
    "skip": Case(
        klr.Skip(klr.Cosine(0.4, 0.0, steps=900), steps=300),
        {0: 0.3, 150: 0.2, 300: 0.1, 600: 0.0, 601: 0.0},
        lambda t: cosine(0.4, 0.0, 900)(t + 300),
        (600,),
    ),
    "staircase": Case(
        klr.Staircase(klr.Linear(0.4, 0.0, steps=1000), steps=250),
        {0: 0.4, 249: 0.4, 250: 0.3, 500: 0.2, 750: 0.1, 999: 0.1, 1000: 0.0, 1001: 0.0},
        lambda t: 0.4 * float(1 - share(t // 250 * 250, 1000)),
        (250, 500, 750, 1000),
    ),
    "stretch": Case(
        klr.Stretch(klr.Knots([200, 600], [0.1, 0.4, 0.0]), 1.5),
        {0: 0.1, 150: 0.25, 300: 0.4, 600: 0.2, 900: 0.0, 901: 0.0},
        lambda t: 0.1 + 0.001 * t if t < 300 else 0.4 * float(1 - share(t - 300, 600)),
        (300, 900),
    ),
    "parts of steps in a skip, stairs and a stretch": Case(
        klr.Sum(
            [
                klr.Skip(klr.Linear(0.4, 0.0, steps=4), steps=Fraction(3, 2)),
                klr.Staircase(klr.Linear(0.4, 0.0, steps=10), steps=Fraction(5, 2)),
                klr.Stretch(klr.Sequence([klr.Table([0.4, 0.2]), klr.Linear(0.3, 0.0, steps=2)], boundaries=[3]), 1.5),
            ]
        ),
        {0: 1.05, 1: 0.95, 2: 0.65, 3: 0.5, 4: 0.5, 5: 0.45, 6: 0.35, 7: 0.25, 8: 0.1, 10: 0.0, 99: 0.0},
        lambda t: (
            0.4 * float(1 - share(t + Fraction(3, 2), 4))
            + 0.4 * float(1 - share(t // Fraction(5, 2) * Fraction(5, 2), 10))
            + ((0.4 if t < 1.5 else 0.2) if t < 4.5 else 0.1 * max(0, 7.5 - t))
        ),
        (2, 3, 5, 8, 10),
    ),
    "repeat": Case(
        klr.Repeat(klr.Linear(0.4, 0.0, steps=200), period=200, shrink=0.8),
        {0: 0.4, 150: 0.1, 200: 0.32, 350: 0.08, 400: 0.256, 500: 0.128, 600: 0.2048, 700: 0.1024, 2**24 + 1: 0.0},
        lambda t: 0.4 * 0.8 ** min(t // 200, 3000) * (1 - t % 200 / 200),
        (200, 400, 600),
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
        lambda t: 0.4 * (1 - (t + 2 - 2 ** ((t + 2).bit_length() - 1)) / 2 ** ((t + 2).bit_length() - 1)),
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
        klr.Product([klr.Linear(0.4, 0.0, steps=1000), klr.Intervals([500], [1.0, 0.5]), 2.0]),
        {0: 0.8, 250: 0.6, 499: 0.4008, 500: 0.2, 750: 0.1, 1000: 0.0},
        lambda t: 0.8 * float(1 - share(t, 1000)) * (1 if t < 500 else 0.5),
        (500, 1000),
    ),
    "sum": Case(
        klr.Sum([klr.Linear(0.4, 0.0, steps=1000), klr.CosineWaves(0.1, 0.0, steps=1000, waves=4)]),
        {0: 0.5, 125: 0.35, 250: 0.4, 375: 0.25, 500: 0.3, 625: 0.15, 750: 0.2, 875: 0.05, 1000: 0.1, 1001: 0.1},
        lambda t: 0.4 * float(1 - share(t, 1000)) + 0.05 * (1 + math.cos(2 * math.pi * 4 * float(share(t, 1000)))),
        (1000,),
    ),
    "clip": Case(
        klr.Clip(klr.Linear(0.4, 0.0, steps=1000), minimum=0.1, maximum=0.3),
        {0: 0.3, 250: 0.3, 500: 0.2, 750: 0.1, 1000: 0.1},
        lambda t: min(max(0.4 * float(1 - share(t, 1000)), 0.1), 0.3),
        (250, 750, 1000),
    ),
    "rescale": Case(
        klr.Rescale(klr.slanted_triangular(0.1, steps=1000, start=0.02), target=[0.95, 0.85], source=[0.02, 0.1]),
        {0: 0.95, 50: 0.9, 100: 0.85, 550: 0.9, 1000: 0.95, 1001: 0.95},
        lambda t: 0.95 - 0.1 * (t / 100 if t < 100 else float(1 - share(t - 100, 900))),
        (100, 1000),
    ),
    "noise": Case(
        klr.Noise(klr.Linear(0.4, 0.1, steps=50), scale=0.5, seed=3),
        {
            0: 0.332932043076,
            10: 0.495739881992,
            20: 0.158595602512,
            30: 0.220384106636,
            40: 0.134255056381,
            50: 0.060353380442,
        },
        noisy(klr.Linear(0.4, 0.1, 50), 0.5, 3),
        (50,),
    ),
    "one cycle, three phases": Case(
        klr.one_cycle(0.4, steps=100, warmup=0.4, three_phase=True, curve=klr.Linear, start=0.1, end=0.0),
        {0: 0.1, 20: 0.25, 40: 0.4, 60: 0.25, 80: 0.1, 90: 0.05, 100: 0.0},
        lambda t: [0.1 + 0.0075 * t, 0.7 - 0.0075 * t, max(0.0, 0.1 - 0.005 * (t - 80))][min(t // 40, 2)],
        (40, 80, 100),
    ),
    "one cycle's momentum": Case(
        klr.one_cycle_momentum(steps=1000),
        {0: 0.95, 150: 0.9, 300: 0.85, 650: 0.9, 1000: 0.95, 1001: 0.95},
        lambda t: cosine(0.95, 0.85, 300)(t) if t < 300 else cosine(0.85, 0.95, 700)(t - 300),
        (300, 1000),
    ),
    "slanted triangular": Case(
        klr.slanted_triangular(0.32, steps=1000),
        {0: 0.01, 50: 0.165, 100: 0.32, 550: 0.165, 1000: 0.01, 1001: 0.01},
        lambda t: 0.01 + 0.31 * (t / 100 if t < 100 else 1 - (min(t, 1000) - 100) / 900),
        (100, 1000),
    ),
    "warmup and line": Case(
        klr.warmup_linear(0.4, steps=1000, end=0.04),
        {0: 0.004, 49: 0.2, 99: 0.4, 100: 0.4, 550: 0.22, 1000: 0.04, 1001: 0.04},
        lambda t: 0.004 * (t + 1) if t < 100 else 0.04 + 0.36 * float(1 - share(t - 100, 900)),
        (100, 1000),
    ),
    "warmup, stable, decay": Case(
        klr.warmup_stable_decay(0.4, steps=1000, warmup=0.1, decay=0.2, curve=klr.Cosine),
        {0: 0.004, 99: 0.4, 799: 0.4, 800: 0.4, 900: 0.2, 1000: 0.0, 1001: 0.0},
        lambda t: 0.004 * (t + 1) if t < 100 else cosine(0.4, 0.0, 200)(max(t - 800, 0)),
        (100, 800, 1000),
    ),
    "three stages": Case(
        klr.tri_stage(0.4, steps=1000, decay=0.4),
        {0: 0.004, 50: 0.202, 100: 0.4, 600: 0.4, 800: 0.04, 1000: 0.004, 1001: 0.004},
        lambda t: 0.004 + 0.00396 * t if t < 100 else 0.4 * 0.01 ** float(share(max(t - 600, 0), 400)),
        (100, 600, 1000),
    ),
    "noam": Case(
        klr.noam(0.4, steps=100),
        {0: 0.004, 49: 0.2, 99: 0.4, 399: 0.2, 899: 0.4 / 3, 1599: 0.1},
        lambda t: 0.4 * min((t + 1) / 100, math.sqrt(100 / (t + 1))),
        (100,),
    ),
    "sgdr": Case(
        klr.sgdr(0.5, period=200, growth=2, shrink=0.5, end=0.1),
        {0: 0.5, 100: 0.3, 200: 0.3, 400: 0.2, 600: 0.2, 1000: 0.15, 1400: 0.15},
        lambda t: 0.1 + 0.4 * 0.5 ** doublings(t, 200)[0] * cosine(1.0, 0.0, 1)(doublings(t, 200)[1]),
        (200, 600, 1400, 200 * (2**20 - 1)),
    ),
    "triangular": Case(
        klr.triangular(0.1, 0.5, up=100, down=200, shrink=0.5, rate=0.999),
        {
            0: 0.1,
            50: 0.1 + 0.2 * 0.999**50,
            100: 0.1 + 0.4 * 0.999**100,
            300: 0.1,
            400: 0.1 + 0.2 * 0.999**400,
            600: 0.1,
        },
        lambda t: (
            0.1
            + 0.4
            * 0.5 ** min(t // 300, 2000)
            * 0.999 ** min(t, 10**6)
            * (t % 300 / 100 if t % 300 < 100 else 1 - (t % 300 - 100) / 200)
        ),
        (100, 300, 400),
    ),
    "multi-step": Case(
        klr.multi_step(0.4, 0.5, [300, 600]),
        {0: 0.4, 299: 0.4, 300: 0.2, 599: 0.2, 600: 0.1, 900: 0.1},
        intervals([300, 600], [0.4, 0.2, 0.1]),
        (300, 600),
    ),
    "flat, then cosine": Case(
        klr.flat_cosine(0.4, steps=1000),
        {0: 0.4, 750: 0.4, 875: 0.2, 1000: 0.0, 1001: 0.0},
        lambda t: cosine(0.4, 0.0, 250)(max(t - 750, 0)),
        (750, 1000),
    ),
    "cooldown": Case(
        klr.cooldown(klr.InverseSqrt(0.4, steps=100), steps=400, after=800, end=0.05),
        {0: 0.4, 300: 0.2, 800: 0.4 / 3, 1000: 0.025 + 0.2 / math.sqrt(11), 1200: 0.05, 1201: 0.05},
        lambda t: 0.05 + (0.4 / math.sqrt(1 + t / 100) - 0.05) * float(1 - share(max(t - 800, 0), 400)),
        (800, 1200),
    ),
}
