"""`RangeTest`: what is read off curves whose steepest point is known, and what is said where nothing can be."""

import re
import sys

import numpy as np
import pytest

import keras_lr as klr
from keras_lr.finder.loss_curve import find_end, smooth
from keras_lr.finder.suggestions import NoSuggestion, falling_curve, lowest, minimum, slide, steepest, valley

RATES = np.geomspace(1e-7, 10, 161)
TURN = 2.5e-3


def curve(turn=TURN, scatter=0.0, seed=0):
    """A loss that falls from 2.3 by 1.8, fastest at `turn` by the logarithm of the rate, and explodes near 1."""
    losses = 2.3 - 1.8 / (1 + (turn / RATES) ** 1.5) + (RATES / 0.7) ** 4
    return losses + np.random.default_rng(seed).normal(0, scatter, len(RATES))


def found(*runs, **options):
    return klr.RangeTest.of(RATES, runs, **options)


def test_the_steepest_is_by_the_logarithm():
    """It is where the loss falls fastest per factor of the rate; per unit of the rate it would be far lower."""
    assert found(curve()).suggestions.steepest == pytest.approx(TURN, rel=0.15)
    by_the_rate = RATES[np.argmin(np.gradient(curve()[:120], RATES[:120]))]
    assert by_the_rate < TURN / 2.5


@pytest.mark.parametrize("turn", [1e-4, 2.5e-3, 3e-2])
@pytest.mark.parametrize("seed", range(5))
def test_noise_moves_the_suggestions_little(turn, seed):
    """With noise of a fifteenth of the fall the steepest is within a factor of 4, and the valley before the lowest."""
    exact, noisy = found(curve(turn)).suggestions, found(curve(turn, 0.12, seed)).suggestions
    assert 1 / 4 < noisy.steepest / exact.steepest < 4
    assert noisy.valley < 10 * noisy.minimum and exact.valley <= exact.steepest


def test_the_unit_of_the_loss_does_not_matter():
    """A loss in other units, or with a constant added, gives the same suggestions, also below 0."""
    plain = found(curve(scatter=0.05)).suggestions
    scaled = klr.RangeTest(RATES[:150], 100 * curve(scatter=0.05)[None, :150]).suggestions
    shifted = klr.RangeTest(RATES[:150], curve(scatter=0.05)[None, :150] - 10).suggestions
    cut = klr.RangeTest(RATES[:150], curve(scatter=0.05)[None, :150]).suggestions
    for name in ("steepest", "valley", "slide", "minimum", "lowest"):
        assert getattr(scaled, name) == pytest.approx(getattr(cut, name))
        assert getattr(shifted, name) == pytest.approx(getattr(cut, name))
    assert plain.steepest == pytest.approx(cut.steepest, rel=0.5)


def reference_valley(rates, losses):
    """The middle of the longest decreasing subsequence, by brute force over where it ends."""
    best = [1] * len(losses)
    for i in range(len(losses)):
        for j in range(i):
            if losses[j] > losses[i] and best[j] + 1 > best[i]:
                best[i] = best[j] + 1
    end = best.index(max(best))
    return rates[max(0, end - best[end] // 2)]


def reference_slide(rates, losses):
    """As fastai's: the window moves left until the slopes at its ends are alike."""
    slopes = np.gradient(losses) / (losses.max() - losses.min())
    right, left = len(losses) - 1, len(losses) - 16
    answer = rates[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > 0.005:
        answer = rates[left]
        right, left = right - 1, left - 1
    return answer


@pytest.mark.parametrize("scatter", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_each_rule_is_what_it_says(scatter, seed):
    """Every rule gives what a plain reading of its definition gives."""
    test = found(curve(scatter=scatter, seed=seed))
    rates, smoothed = falling_curve(test.rates, test.losses)
    assert len(rates) == len(test.rates) - len(test.rates) // 10
    assert valley(rates, smoothed) == reference_valley(rates, smoothed)
    assert minimum(rates, smoothed) == pytest.approx(min(zip(smoothed, rates, strict=True))[1] / 10)
    assert lowest(rates, smoothed) == min(zip(smoothed, rates, strict=True))[1]
    slopes = [
        (smoothed[i + 1] - smoothed[i - 1]) / np.log(rates[i + 1] / rates[i - 1])
        for i in range(1, int(np.argmin(smoothed)) + 1)
    ]
    assert steepest(rates, smoothed) == pytest.approx(rates[1 + int(np.argmin(slopes))])
    expected = reference_slide(rates, smoothed)
    if expected < rates[np.argmin(smoothed)]:
        assert slide(rates, smoothed) == expected
    else:
        with pytest.raises(NoSuggestion, match="past the lowest"):
            slide(rates, smoothed)


NOTHING = {
    "all NaN": (np.full(100, np.nan), "no loss is finite"),
    "infinite": (np.full(100, np.inf), "no loss is finite"),
    "NaN soon": (np.append([2.0, 1.9, 1.8], np.full(97, np.nan)), "only .* losses, and a curve needs 10"),
    "flat": (np.full(100, 2.0), "does not fall"),
    "rising": (np.linspace(1.0, 2.0, 100), "does not fall"),
    "noise": (np.random.default_rng(1).normal(2.0, 0.3, 100), "does not fall by more than its noise"),
    "few": (np.array([3.0, 2.0, 1.0]), "only 3 losses"),
    "one": (np.array([3.0]), "only 1 losses"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_can_be_read_it_says_why(name):
    """Curves that say nothing give no rate, the reason why, and no error or warning."""
    losses, reason = NOTHING[name]
    test = klr.RangeTest.of(np.geomspace(1e-7, 10, 100), [losses])
    for rule in ("steepest", "valley", "slide", "minimum", "lowest"):
        assert getattr(test.suggestions, rule) is None
        assert re.search(reason, test.suggestions.reasons[rule])
    assert "none: " in repr(test)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_fall(seed):
    """Whatever the noise, a curve that goes nowhere gives no suggestion."""
    assert found(np.random.default_rng(seed).normal(2.0, 0.5, len(RATES))).suggestions.valley is None


def test_a_falling_curve_has_its_end_as_lowest():
    """A sweep that ended before the loss turned still has a steepest point."""
    suggestions = klr.RangeTest(RATES[:100], curve()[None, :100]).suggestions
    assert suggestions.steepest == pytest.approx(TURN, rel=0.5) or suggestions.steepest <= RATES[99]
    assert suggestions.minimum == pytest.approx(RATES[99] / 10)


def test_it_ends_where_the_smoothed_loss_has_diverged():
    """Over 4 times the lowest is the end; one outlier is not, and neither is a falling loss below 0."""
    losses = np.full(60, 1.0)
    losses[30] = 10.0
    assert find_end(losses) is None
    losses[40:] = 9.0
    at, why = find_end(losses)
    assert 40 < at < 45 and why == "diverged"
    assert find_end(-np.linspace(1, 50, 60)) is None
    assert find_end(np.array([1.0, np.nan, 1.0])) == (1, "was nan")
    test = klr.RangeTest.of(np.geomspace(1, 60, 60), [losses])
    assert len(test.rates) == at + 1 and test.stopped == f"the loss diverged at {test.rates[at]:.3g}"


def test_smoothing_has_no_lag():
    """A symmetric dip stays where it is, a constant stays constant to its ends, and an explosion stays outside."""
    dip = 2.0 - np.exp(-(((np.arange(101) - 50) / 8.0) ** 2))
    assert np.argmin(smooth(dip)) == 50
    np.testing.assert_allclose(smooth(np.full(30, 1.7)), 1.7)
    exploding = dip.copy()
    exploding[90:] = 1e9
    np.testing.assert_allclose(smooth(exploding)[:80], smooth(dip)[:80], rtol=0.02)
    weights = 0.8 ** np.abs(np.arange(101)[:, None] - np.arange(101))
    np.testing.assert_allclose(smooth(dip), weights @ dip / weights.sum(axis=1))
    assert np.isnan(smooth(np.array([1.0, np.nan, 1.0]))).tolist() == [False, True, True]


def test_several_sweeps_have_a_spread():
    """The suggestion is the median of the sweeps, the spread their range, and one sweep that failed is left out."""
    turns = (1e-3, 3e-3, 9e-3)
    test = found(*(curve(turn) for turn in turns))
    single = [found(curve(turn)).suggestions.steepest for turn in turns]
    assert test.suggestions.steepest == pytest.approx(single[1])
    assert test.suggestions.spread["steepest"] == pytest.approx((single[0], single[2]))
    np.testing.assert_allclose(test.losses[:100], np.mean(test.runs[:, :100], axis=0))
    flat = np.full(len(RATES), 2.0)
    assert found(curve(), curve(), flat).suggestions.steepest == pytest.approx(found(curve()).suggestions.steepest)
    assert found(curve(), flat, flat).suggestions.steepest is None


def test_sweeps_of_different_lengths():
    """What one sweep has not reached does not count in the mean."""
    test = found(curve()[:50], curve())
    assert test.runs.shape[0] == 2 and np.isnan(test.runs[0, 50:]).all()
    np.testing.assert_allclose(test.losses, curve()[: len(test.rates)])


def test_a_tenth_is_of_learning_rates_only():
    """For another hyperparameter a tenth of the best value means nothing."""
    suggestions = found(curve(), hyperparameter="weight_decay").suggestions
    assert suggestions.minimum is None and "learning rates" in suggestions.reasons["minimum"]
    assert suggestions.steepest is not None


def test_it_reads_well_in_a_terminal():
    """The repr has the range, the curve, and a line for each suggestion with its spread."""
    said = repr(found(curve(scatter=0.02), curve(scatter=0.02, seed=1)))
    lines = said.splitlines()
    assert lines[0].startswith("RangeTest of learning_rate: 1e-07 to ") and "2 sweeps; the loss diverged" in lines[0]
    assert "█" in lines[1] and "▁" in lines[1] and max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[2:5]] == ["recommended", "reliability", "reason"]
    assert [line.split()[0] for line in lines[5:]] == ["steepest", "valley", "slide", "minimum", "lowest"]
    assert " to " in lines[5]


def test_it_shows_a_picture_in_a_notebook(monkeypatch):
    """A notebook gets the picture and the text; without matplotlib the text alone."""
    for thing in (found(curve()), klr.Cosine(0.1, 0.0, steps=10)):
        shown = thing._repr_html_()
        assert "data:image/png;base64," in shown and type(thing).__name__ in shown
        assert thing.plot().figure._repr_png_().startswith(b"\x89PNG")
    assert klr.Cosine(0.1, 0.0, steps=klr.epochs(2) - 5)._repr_html_() is None
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert found(curve())._repr_html_() is None and klr.Constant(0.1)._repr_html_() is None


def test_it_recommends_one_peak_and_one_constant_rate():
    """A quarter and a tenth of the lowest, in whatever unit the loss is; where there is none it says why."""
    test, two = found(curve(scatter=0.02)), found(curve(scatter=0.02), curve(scatter=0.02, seed=1))
    one = test.recommended
    assert one.peak == pytest.approx(test.suggestions.lowest / 4, rel=0.05)
    assert one.constant == pytest.approx(test.suggestions.lowest / 10, rel=0.05)
    assert one.reliability == "fair" and one.between[0] < one.peak < one.between[1]
    assert two.recommended.between[1] >= 3 * two.recommended.peak
    labels = [text.get_text() for text in test.plot().get_legend().get_texts()]
    assert f"peak {one.peak:.2g}, fair" in labels and f"constant {one.constant:.2g}" in labels


@pytest.mark.parametrize(
    "test, reliability, reason",
    [
        (found(np.full(len(RATES), 2.0)), "none", "does not fall"),
        (found(curve(), hyperparameter="weight_decay"), "none", "no rule for `weight_decay`"),
        (found(np.full(4, np.nan)), "none", "no loss is finite"),
        (found(np.where(RATES < 0.1, 2.0, 100.0)), "poor", "a 16th of 0.1.*where the loss diverges"),
        (found(curve()[:100]), "poor", "at the end of the sweep"),
        (found(curve(1e-4), curve(1e-4) + (RATES / 1e-3) ** 4), "poor", "the sweeps differ"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_recommends_may_be_unreliable(test, reliability, reason):
    """It says where nothing, or little, is behind the recommendation."""
    assert test.recommended.reliability == reliability and re.search(reason, test.recommended.reason)
    assert (test.recommended.peak is None) == (reliability == "none") and test.recommended.reason in repr(test)
