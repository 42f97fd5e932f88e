"""Pictures: what is drawn is what the schedules and the runs say."""

import sys

import keras
import numpy as np
import pytest

import keras_lr as klr
from keras_lr import plotting
from keras_lr.plotting import Curves, plot_comparison, plot_schedules


def curve(line):
    """The steps and the values of a line."""
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def curves(count, seeds=3, epochs=4, steps=20):
    """Made-up runs of policies, the metric of each a little better than the one before."""
    random = np.random.default_rng(0)
    return [
        Curves(
            f"policy {index}",
            rate=np.full(steps, 0.1 / (index + 1)),
            loss=random.uniform(0.1, 1.0, size=(seeds, epochs)),
            metric=random.uniform(0.9, 0.91, size=(seeds, epochs)) + 0.01 * index,
        )
        for index in range(count)
    ]


def test_the_curve_is_the_values():
    """`plot_schedules` draws the value at every step and names the axes and the curves."""
    rates = {"fall": klr.Linear(0.1, 0.0, steps=10), "steps": klr.Intervals([3, 6], [0.1, 0.01, 0.001])}
    ax = plot_schedules(rates, 12)
    assert [curve(line) for line in ax.lines] == [
        (list(range(12)), rate.values(12).tolist()) for rate in rates.values()
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "learning rate")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fall", "steps"]


def test_steps_can_be_chosen():
    """Any increasing steps can be drawn, as the end of a long schedule."""
    rate = klr.Cosine(0.1, 0.0, steps=2**25)
    steps = np.arange(2**25 - 5, 2**25 + 2)
    assert curve(plot_schedules({"end": rate}, steps).lines[0]) == (steps.tolist(), rate.values(steps).tolist())


def test_a_list_is_named_by_repr():
    """Schedules without names, of Keras and numbers among them, are named by what they are."""
    keras_own = keras.optimizers.schedules.CosineDecay(0.1, 10)
    ax = plot_schedules([klr.Linear(0.1, 0.0, steps=10), keras_own, 0.05], 12)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert (names[0], names[2]) == ("Linear(start=0.1, end=0.0, steps=10)", "0.05")
    assert "CosineDecay" in names[1]
    assert ax.lines[1].get_ydata()[5] == pytest.approx(0.05)


def test_alike_schedules_are_all_drawn():
    """Two schedules whose long reprs are cut to the same name are two curves."""
    ax = plot_schedules([klr.warmup_cosine(0.1, 100), klr.warmup_cosine(0.2, 100)], 10)
    assert [line.get_ydata().max() for line in ax.lines] == [0.1, 0.2]


def test_the_axes_can_be_given():
    """The curve goes on the Axes that are given, beside what is on them."""
    given = plotting.new_figure().subplots()
    given.plot([0, 1], [0.2, 0.2])
    ax = plot_schedules({"a": klr.Constant(0.1)}, 2, ax=given)
    assert ax is given and len(ax.lines) == 2


def test_a_figure_belongs_to_nobody():
    """No window opens and pyplot knows nothing of the figure."""
    assert klr.Constant(0.1).plot().figure.canvas.manager is None


@pytest.mark.parametrize(
    "rate, shown",
    [
        (klr.Constant(0.1), 2),
        (klr.Cosine(0.1, 0.0, steps=100), 125),
        (klr.Intervals([2, 4], [0.1, 0.01, 0.001]), 5),
        (klr.Table([0.1] * 79 + [0.0]), 100),
        (klr.one_cycle(0.4, 100), 125),
        (klr.one_cycle(0.4, klr.epochs(12)).bind(steps_per_epoch=100), 1500),
        (klr.Warmup(klr.Linear(0.1, 0.0, steps=100), 50), 187),
        (klr.PerUpdate(klr.Linear(0.1, 0.0, steps=100), batches=4), 500),
        (klr.Sequence([0.1, klr.Linear(0.1, 0.0, steps=50)], [30]), 100),
        (klr.Exponential(0.1, 0.5, steps=100, staircase=True), 500),  # never ends: five of its stairs
    ],
    ids=repr,
)
def test_the_whole_schedule_is_shown(rate, shown):
    """Without `steps` a picture shows the schedule to its end and a quarter more."""
    steps, values = curve(rate.plot().lines[0])
    assert shown <= len(steps) <= shown + 2
    assert values == rate.values(len(steps)).tolist()


def test_a_million_steps_are_thinned_out():
    """A long schedule is drawn by a hundred thousand points, its first and last among them."""
    steps, _ = curve(klr.Linear(0.1, 0.0, steps=10**7).plot(10**7).lines[0])
    assert (len(steps), steps[0], steps[-1]) == (100_000, 0, 10**7 - 1)


@pytest.mark.parametrize(
    "rate, label, at, value",
    [
        (klr.Intervals(klr.epochs(0.5, 4), [0.1, 0.01, 0.001]), "epoch", 4, 0.001),
        (klr.one_cycle(0.4, klr.epochs(12)), "epoch", 3.6, 0.4),
        (klr.Warmup(0.2, steps=klr.epochs(2)), "epoch", 2, 0.2),
        (klr.Linear(0.1, 0.0, steps=klr.fraction(0.5)), "fraction of the run", 0.25, 0.05),
        (klr.Intervals(klr.examples(5000), [0.1, 0.01]), "examples", 5000, 0.01),
        (klr.PerUpdate(klr.Linear(0.1, 0.0, steps=klr.epochs(4)), batches=2), "epoch", 2, 0.05),
    ],
    ids=repr,
)
def test_unbound_spans_are_drawn_in_their_unit(rate, label, at, value):
    """A schedule in epochs, examples or fractions of the run is drawn in these before `fit` binds it to steps."""
    ax = rate.plot()
    time, values = ax.lines[0].get_xdata(), ax.lines[0].get_ydata()
    assert ax.get_xlabel() == label
    assert values[np.searchsorted(time, at)] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    "rate",
    [
        klr.Linear(0.1, 0.0, steps=klr.epochs(2) - 100),
        klr.Warmup(klr.Cosine(0.1, 0.0, steps=klr.epochs(12)), steps=500),
        klr.Sequence([0.1, 0.01, 0.001], [klr.epochs(2), klr.fraction(0.8)]),
    ],
    ids=repr,
)
def test_unbound_spans_beside_other_units_are_refused(rate):
    """What depends on the steps of an epoch is refused with what to do about it, and shown as text in a notebook."""
    with pytest.raises(ValueError, match=r"BindSpans.* or call `schedule.bind\("):
        rate.plot()
    assert rate._repr_html_() is None


def test_steps_of_an_unbound_span_are_refused():
    with pytest.raises(ValueError, match="BindSpans"):
        klr.Linear(0.1, 0.0, steps=klr.epochs(2)).plot(100)


@pytest.mark.parametrize("nothing", [{}, []])
def test_nothing_is_refused(nothing):
    """A picture of no schedules is refused."""
    with pytest.raises(ValueError, match="Argument `schedules` of `plot_schedules` must be schedules, at least one"):
        plot_schedules(nothing)


def test_matplotlib_is_an_extra(monkeypatch):
    """Without matplotlib the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        klr.Constant(0.1).plot()


def test_a_comparison_shows_rate_loss_and_accuracy():
    """Each policy has a line in each panel: its rates, and the means of its seeds; the key has their order."""
    given = curves(7)
    figure = plot_comparison(given, "val_accuracy", "max")
    rate, loss, accuracy, key = (figure.axes[i] for i in (0, 1, 3, 2))
    for index, policy in enumerate(given):
        assert rate.lines[index].get_ydata()[:-1].tolist() == policy.rate.tolist()
        assert loss.lines[index].get_ydata().tolist() == policy.loss.mean(axis=0).tolist()
        assert accuracy.lines[index].get_ydata().tolist() == policy.metric.mean(axis=0).tolist()
    assert [text.get_text()[8:] for text in key.get_legend().get_texts()] == [policy.name for policy in given]


def test_policies_can_be_told_apart_without_colour():
    """No two policies of a comparison have the same marker; from the ninth on, colours return with hollow ones."""
    lines = plot_comparison(curves(16), "val_accuracy", "max").axes[3].lines
    assert len({line.get_color() for line in lines}) == 8
    assert len({(line.get_marker(), line.get_markerfacecolor()) for line in lines}) == 16


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_bands_are_visible_where_policies_hardly_differ(mode):
    """The axis has the final values of all seeds, and not only the means."""
    ends = 0.3 + np.array([[0.0, 0.1, 0.2], [0.01, 0.1, 0.2], [0.0, 0.1, 0.21]])
    sign = 1 if mode == "min" else -1
    metrics = ends[..., None] + sign * np.array([3.0, 0.2, 0.05, 0.02, 0.0])
    given = [one._replace(loss=metric, metric=metric) for one, metric in zip(curves(3), metrics, strict=True)]
    low, high = plot_comparison(given, "val_loss", mode).axes[3].get_ylim()
    assert low < ends.min() and high > ends.max()
    assert high - low < 1  # but not the first epoch


def test_a_run_that_diverged_can_be_drawn(tmp_path):
    """A policy whose loss is NaN or infinite leaves the others legible."""
    good, bad = curves(2, seeds=1)
    bad = bad._replace(loss=np.array([[1.0, np.inf, np.nan, np.nan]]), metric=np.full((1, 4), np.nan))
    figure = plot_comparison([good, bad], "val_accuracy", "max")
    figure.savefig(tmp_path / "compare.png")
    low, high = figure.axes[3].get_ylim()
    assert 0.8 < low < good.metric[0, -1] < high < 1
