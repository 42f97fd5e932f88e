"""What a comparison says: the intervals, the order of the rows, the table and the answer. Nothing is trained."""

import numpy as np
import pytest

import keras_lr as klr
from keras_lr.compare.problem import Judge
from keras_lr.compare.statistics import interval
from keras_lr.compare.trials import Result, Run

BEST = [0.95, 0.96, 0.96, 0.97, 0.96]
CLOSE = [0.95, 0.95, 0.97, 0.95, 0.97]
WORSE = [0.90, 0.91, 0.92, 0.92, 0.91]


def comparison(scores, mode="max", split_ratio=0.25, peak=0.1):
    """A comparison with these scores by policy, in this order; NaN for a run that diverged."""
    results = tuple(
        Result(name, peak, tuple(run(name, seed, score) for seed, score in enumerate(row)))
        for name, row in scores.items()
    )
    return klr.Comparison(results, Judge("val_score", mode), epochs=2, steps=8, split_ratio=split_ratio)


def run(name, seed, score):
    diverged = not np.isfinite(score)
    history = {"loss": [1.0, score], "val_score": [0.5, score]}
    return Run(name, seed, score, diverged, [0.1], history, seconds=1.0)


@pytest.mark.parametrize("split_ratio, half", [(0.0, 1.963), (0.25, 2.944)])
def test_an_interval(split_ratio, half):
    """t with 4 degrees of freedom is 2.776, the variance of 1 to 5 is 2.5; splits that overlap make it wider."""
    assert interval([1, 2, 3, 4, 5], split_ratio) == pytest.approx((3 - half, 3 + half), abs=1e-3)


def test_an_interval_of_many_seeds_is_not_too_narrow():
    """Between two rows of the table of quantiles the wider one holds, and beyond the last one it ends."""
    values = np.tile([0.0, 1.0], 6)  # 11 degrees of freedom: those of 10
    low, high = interval(values)
    assert (high - low) / 2 == pytest.approx(2.228 * np.sqrt(np.var(values, ddof=1) / 12))
    assert np.diff(interval(np.tile([0.0, 1.0], 500)))[0] > 0


def test_a_huge_loss_has_diverged():
    """As one that is not finite; the metrics of such a run may look like those of any other."""
    judge = Judge("val_accuracy", "max", largest_loss=100.0)
    histories = [{"loss": [1.0, last], "val_accuracy": [0.4, 0.4]} for last in (99.0, 101.0, np.inf, np.nan)]
    assert [judge.has_diverged(history) for history in histories] == [False, True, True, True]
    assert judge.has_diverged({"loss": [1.0], "val_loss": [np.nan], "val_accuracy": [0.4]})


def test_the_rows():
    """The best is first, less is better where the mode says so, differences are paired, and what diverged is last."""
    scores = {"breaks": [0.1, np.nan], "b": [0.5, 0.7], "a": [0.4, 0.5], "falls apart": [np.nan, np.nan]}
    rows = comparison(scores, "min", split_ratio=0.0).rows
    assert [row.name for row in rows] == ["a", "b", "breaks", "falls apart"]
    assert rows[0].behind is None and rows[2].behind is None and not rows[2].is_tied
    assert rows[1].behind == pytest.approx(interval([0.1, 0.2])) and rows[1].mean == pytest.approx(0.6)
    assert [row.diverged for row in rows] == [0, 0, 1, 2]


def test_equal_runs_share_a_row():
    """Policies with the same runs are one row, also where they diverged; the first name is the one to use."""
    found = comparison({"c": WORSE, "b": BEST, "a": BEST, "x": [np.nan] * 5, "y": [np.nan] * 5})
    assert [row.name for row in found.rows] == ["b = a", "c", "x = y"]
    assert found.answer().startswith("Use b with")


@pytest.mark.parametrize(
    "scores, said",
    [
        ({"a": BEST, "b": WORSE}, "Use a with a peak of 0.1: val_score 0.9600. It is significantly better than b."),
        (
            {"a": BEST, "b": CLOSE},
            "But it is not significantly better than b: use the simplest one, or run more seeds.",
        ),
        (
            {"a": BEST, "b": CLOSE, "c": WORSE},
            "It is significantly better than c, but not than b.",
        ),
        ({"a": BEST[:2], "b": CLOSE[:2]}, "2 seeds are few"),
        ({"a": BEST[:2], "b": WORSE[:2]}, "It is significantly better than b. 2 seeds are few"),
        ({"a": BEST[:2], "b": [np.nan] * 2}, "val_score 0.9550. b diverged."),
        ({"a": BEST[:1], "b": WORSE[:1]}, "With one seed, the differences may be chance: use 5 seeds."),
        ({"a": BEST}, "There is nothing to compare it with."),
        ({"a": BEST, "b": [0.9, np.nan, 0.9, 0.9, np.nan]}, "val_score 0.9600. b diverged."),
        ({"a": [np.nan]}, "Every policy diverged, so none can be recommended."),
    ],
)
def test_the_answer_is_honest(scores, said):
    """It names the best policy, and claims a difference only where the interval is above 0."""
    answer = comparison(scores).answer()
    assert said in answer
    assert ("few" in answer) == ("few" in said)


def test_the_table():
    """Each row has its peak, mean, deviation and interval, in columns; a peak that is unsure has a question mark."""
    lines = comparison({"a": BEST, "b": [0.9, np.nan, 0.9, 0.9, np.nan], "c": WORSE}).table().splitlines()
    assert lines[2].split() == ["a", "0.1", "0.9600", "±", "0.0071", "best"]
    assert lines[3].split()[:6] == ["c", "0.1", "0.9120", "±", "0.0084", "0.0480"]
    assert lines[4].split() == ["b", "0.1", "diverged", "in", "2", "of", "5", "runs"]
    assert "mean ± standard deviation over 5 seeds" in lines[5] and max(map(len, lines)) <= 100
    assert "behind" not in comparison({"a": BEST[:1], "b": WORSE[:1]}).table()
    nothing = klr.Comparison((Result("a", None),), Judge("val_loss", "min"), 2, 8, 0.0)
    doubts = ("20 updates are few to judge by", "one batch of validation data says little")
    results = (Result("a", 0.02, (run("a", 0, 0.9),), doubts, (0.0033, 0.11)), Result("b", 0.1, (run("b", 0, 0.8),)))
    found = klr.Comparison(results, Judge("val_score", "max"), 2, 8, 0.0)
    lines = found.table().splitlines()
    assert lines[2].split()[:3] == ["a", "0.02", "?"] and "?" not in lines[3] and len(lines) == 5
    assert lines[4] == f"? a: {doubts[0]}; {doubts[1]}; 0.0033 to 0.11 may be as good."
    assert found.numbers()["rows"][0]["doubts"] == doubts and found.numbers()["rows"][1]["between"] is None
    assert "no peak leads to a finite loss" in nothing.table() and nothing.best is None


def test_a_notebook_shows_the_picture():
    """With the table and the answer; a policy that diverged is in the key."""
    found = comparison({"a": BEST, "b": [np.nan] * 5})
    html = found._repr_html_()
    assert "data:image/png;base64," in html and "Use a with a peak" in html
    key = found.plot().axes[2].get_legend()
    assert [text.get_text()[-1] for text in key.get_texts()] == ["a", "b"]


def test_numbers_are_for_json():
    """They have the rows, every run and the code."""
    numbers = comparison({"a": BEST, "b": WORSE}).numbers()
    assert [row["policies"] for row in numbers["rows"]] == [("a",), ("b",)] and len(numbers["runs"]) == 10
    assert (numbers["monitor"], numbers["steps"], numbers["reload"]) == ("val_score", 8, None)
