"""The rule of `PlateauReducer` as a function, beside a few lines of numpy that follow the sources it names."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import keras_lr as klr
from keras_lr.callbacks.plateau_state import LAYOUT, PlateauState, after_check, from_array, to_array


def factors(series, **arguments):
    """The product of the changes after each value of the metric."""
    rule, state, product, found = klr.PlateauReducer("loss", **arguments), PlateauState(), 1.0, []
    for value in series:
        state, due = after_check(rule, state, value)
        product *= {"reduction": rule.factor, "increase": rule.increase, "": 1.0}[due]
        found.append(product)
    return found


def noisy(seed):
    random = np.random.default_rng(seed)
    return np.exp(-np.arange(200) / 20) + 0.0005 * np.arange(200) + 0.003 * random.normal(size=200)


def greedy(series, factor, patience, threshold, window):
    """GreedyLR, of arXiv 2512.14527 and Hugging Face: changes after more than `patience` checks of one kind."""
    best, good, bad, rate, found, seen = math.inf, 0, 0, 1.0, [], []
    for value in series:
        seen = [*seen, value][-window:]
        mean = np.mean(seen)
        if mean < best - threshold:
            best, good, bad = mean, good + 1, 0
        else:
            good, bad = 0, bad + 1
        if good > patience:
            rate, good = rate / factor, 0
        elif bad > patience:
            rate, bad = rate * factor, 0
        found.append(rate)
    return found


@pytest.mark.parametrize(("patience", "window"), [(0, 1), (2, 1), (3, 10)])
def test_greedy(patience, window):
    """With `increase` it is GreedyLR."""
    for seed in range(5):
        series = noisy(seed)
        expected = greedy(series, 0.9, patience, 1e-3, window)
        options = {"factor": 0.9, "increase": 1 / 0.9, "threshold": 1e-3, "relative": False, "smoothing": window}
        np.testing.assert_allclose(factors(series, patience=patience + 1, **options), expected)
        assert min(expected) < 1 < max(expected)  # falling and flat parts


def optax(series, factor, patience, rtol, atol, cooldown):
    """The rule of optax' `reduce_on_plateau`."""
    best, count, rest, scale, found = math.inf, 0, 0, 1.0, []
    for value in series:
        is_better = value < (1 - rtol) * best - atol
        best, count = (value, 0) if is_better else (best, count + 1)
        if rest:
            count, rest = 0, rest - 1
        elif count == patience:
            count, rest, scale = 0, cooldown, scale * factor
        found.append(scale)
    return found


def test_rtol_and_atol():
    """`threshold` and `atol` together are optax' `rtol` and `atol`."""
    for seed in range(5):
        series = noisy(seed)
        expected = optax(series, 0.5, 3, 0.02, 0.01, 2)
        assert factors(series, factor=0.5, patience=3, threshold=0.02, atol=0.01, cooldown=2) == expected
        assert expected != optax(series, 0.5, 3, 0.02, 0.0, 2) and expected[-1] < 0.1


def test_the_cooldown_of_an_increase():
    """It has its own number of checks; by default both are `cooldown`."""
    falling = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]
    options = {"increase": 2.0, "increase_patience": 1, "cooldown": 1}
    assert factors(falling, **options) == [2, 2, 4, 4, 8, 8, 16]
    assert factors(falling, **options, increase_cooldown=2) == [2, 2, 2, 4, 4, 4, 8]


def test_saved_states():
    """What is written is read; what can't have been written, and a state of the other mode, are not."""
    rule = klr.PlateauReducer("loss", patience=4, growth=2.0)
    state = PlateauState(0.5, 1, 2, 3, 4, (0.5, math.nan))
    assert repr(from_array(rule, to_array(rule, state))) == repr(state)
    old = from_array(rule, np.array([0.5, 1.0, 3.0, 16.0, 0.5]))  # of 0.1.0, whose patience had grown from 4 to 16
    assert old == PlateauState(0.5, 1, 0, 3, 2, (0.5,))
    good = to_array(rule, PlateauState())
    bad = [np.array([]), np.array(1.0), np.array(["a"] * 8), np.ones([2, 8]), good[:3], good.astype("complex64")]
    for index in range(2, 7):
        for value in (math.nan, -math.inf, *([math.inf, -1.0, 0.5, 1e300] if index > 2 else [])):
            bad.append(good.copy())
            bad[-1][index] = value
    bad += [np.array([math.nan, 0.0, 0.0, 4.0]), np.array([1.0, -1.0, 0.0, 4.0]), np.array([LAYOUT, 1.0, 0.0, 0.0])]
    for array in bad:
        with pytest.raises(ValueError, match="it is damaged"):
            from_array(rule, array)
    with pytest.raises(ValueError, match="for the other mode"):
        from_array(klr.PlateauReducer("loss", mode="max"), good)


def test_a_patience_beyond_all_numbers():
    """It grows without an error, and no reduction follows."""
    rule = SimpleNamespace(**vars(klr.PlateauReducer("loss", patience=1, growth=1e300)))
    assert after_check(rule, PlateauState(1.0, reductions=10), 2.0)[1] == ""
