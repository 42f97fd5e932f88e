"""Pictures of runs: what is drawn is what the tests, the monitor and the paths say."""

import keras
import numpy as np
import pytest
from models import classifier, flowers

import keras_lr as klr
from keras_lr import plotting
from keras_lr.plotting import plot_monitor, plot_paths, plot_range_tests

RATES = np.geomspace(1e-6, 10, 100)


def range_test(turn=1e-2, sweeps=1, **options):
    losses = 2.0 - 1.5 / (1 + (turn / RATES) ** 1.5) + (RATES / 0.7) ** 4
    noise = np.random.default_rng(0).normal(0, 0.05, [sweeps, 100])
    return klr.RangeTest.of(RATES, losses + noise, **options)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_range_test_shows_losses_and_suggestions():
    """The raw losses of each sweep, the smoothed curve, what is recommended, and a marker for each suggestion."""
    test = range_test(sweeps=2)
    ax = test.plot()
    for line, run in zip(ax.lines, [*test.runs, test.smoothed], strict=False):
        np.testing.assert_array_equal(line.get_ydata(), run)
        np.testing.assert_array_equal(line.get_xdata(), test.rates)
    recommended = [line.get_xdata()[0] for line in ax.lines[3:5]]
    assert recommended == [test.recommended.peak, test.recommended.constant]
    drawn = {line.get_label().split()[0]: line for line in ax.lines[5:]}
    given = {n: getattr(test.suggestions, n) for n in ("steepest", "valley", "slide", "minimum", "lowest")}
    assert {name: line.get_xdata()[0] for name, line in drawn.items()} == {n: r for n, r in given.items() if r}
    assert len({line.get_marker() for line in drawn.values()}) == len(drawn) >= 3
    assert f"valley {test.suggestions.valley:.2g}" in texts(ax)
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "learning rate"
    assert ax.figure.canvas.manager is None


def test_what_explodes_leaves_the_picture():
    """The limits show the fall, not the explosion, and all losses before it."""
    test = range_test()
    low, high = test.plot().get_ylim()
    assert high < 3 < np.nanmax(test.runs) and low < np.nanmin(test.runs)


def test_a_range_test_without_suggestions_or_with_nan():
    """A curve that says nothing is drawn; one without any loss is refused."""
    ax = klr.RangeTest.of(RATES, [np.full(50, 2.0)]).plot()
    assert texts(ax) == ["smoothed loss"]
    with pytest.raises(ValueError, match="Argument `tests` of `plot_range_tests` must be range tests with losses"):
        klr.RangeTest.of(RATES, [np.full(100, np.nan)]).plot()
    with pytest.raises(ValueError, match="at least one"):
        plot_range_tests({})


def test_several_range_tests_lie_over_each_other():
    """A grid has a smoothed curve for each test, told apart by colour and by dashes or markers."""
    tests = {f"weight decay {decay}": range_test(turn) for decay, turn in ((0.0, 1e-3), (0.01, 1e-2), (0.1, 1e-1))}
    given = plotting.new_figure().subplots()
    ax = plot_range_tests(tests, ax=given)
    assert ax is given and texts(ax) == list(tests)
    for line, test in zip(ax.lines, tests.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), test.smoothed)
    assert len({line.get_color() for line in ax.lines}) == 3
    assert len({str(line._dash_pattern) for line in ax.lines}) == 3


def test_a_monitor_shows_what_was_applied():
    """Each hyperparameter has its panel, the learning rate first, with the value of each step."""
    ramp, rate = klr.Linear(0.5, 0.9, steps=8), klr.Cosine(0.1, 0.0, steps=8)
    model = classifier(klr.scheduled(keras.optimizers.SGD(rate, momentum=0.9), momentum=ramp))
    monitor = klr.Monitor()
    model.fit(*flowers(), batch_size=8, callbacks=[monitor], verbose=0)
    axes = monitor.plot()
    assert [ax.get_ylabel() for ax in axes] == ["learning rate", "momentum"] and axes[1].get_xlabel() == "step"
    for ax, schedule in zip(axes, (rate, ramp), strict=True):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), schedule.values(8))
    assert axes[0].figure.canvas.manager is None


def test_several_optimizers_share_a_panel():
    """The rates of several optimizers are in one panel, under the names of the optimizers."""
    steps = {"learning_rate_body": np.ones(5), "weight_decay": np.zeros(5), "learning_rate_head": np.zeros(5)}
    axes = plot_monitor(steps)
    assert [len(ax.lines) for ax in axes] == [2, 1] and texts(axes[0]) == ["body", "head"]
    given = plotting.new_figure().subplots(2)
    assert plot_monitor(steps, axes=given)[1] is given[1]
    with pytest.raises(ValueError, match="Argument `axes` of `plot_monitor` must be 2 Axes"):
        plot_monitor(steps, axes=given[0])
    with pytest.raises(ValueError, match="Argument `monitor` of `plot_monitor` must be a `Monitor`"):
        plot_monitor(klr.Monitor())


def test_paths_lie_on_the_surface():
    """Each path is a line over the contours, with its hyperparameters below."""
    paths = {"a": np.cumsum(np.full([20, 2], 0.1), axis=0), "b": np.linspace([0, 1], [1, 0], 30)}
    steps = {"a": {"learning_rate": np.full(20, 0.1)}, "b": {"learning_rate": np.ones(30), "momentum": np.zeros(30)}}
    axes = plot_paths(lambda x, y: x**2 - y**2, paths, steps, minimum=(0, 0))
    lines = {line.get_label(): line for line in axes[0].lines}
    for name, path in paths.items():
        np.testing.assert_array_equal(lines[name].get_xydata(), path)
    assert texts(axes[0]) == ["minimum", "a", "b", "start"] and len(axes[0].collections) >= 2
    assert [ax.get_ylabel() for ax in axes[1:]] == ["learning rate", "momentum"]
    assert [len(ax.lines) for ax in axes[1:]] == [2, 1]
    assert lines["a"].get_marker() != lines["b"].get_marker()


@pytest.mark.parametrize(
    "names", [["SGD", "Nesterov", "Adagrad", "Adadelta"], ["no momentum", "momentum 0.95", "adaptive"]]
)
def test_the_key_of_paths_fits(names):
    """The names of the paths are inside of the picture, also long ones beside a panel."""
    path = np.linspace([0, 1], [1, 0], 30)
    steps = {"adaptive": {"momentum": np.zeros(30)}} if "adaptive" in names else None
    ax = plot_paths(np.hypot, dict.fromkeys(names, path), steps, minimum=(0, 0))[0]
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x1 <= ax.figure.bbox.x1


def test_a_path_that_flies_away_does_not_set_the_limits():
    """One path that diverges, to NaN too, leaves the others legible; limits can be given."""
    short = np.linspace([0, 0], [1, 1], 10)
    away = np.array([[0, 0], [1e6, 1e6], [np.nan, np.inf]])
    paths = {"a": short, "b": short + 0.1, "away": away}
    ax = plot_paths(np.hypot, paths)[0]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert -1 < left < 0 < 1 < right < 3 and -1 < bottom < 0 < 1 < top < 3
    ax = plot_paths(np.hypot, paths, limits=((-5, 5), (-6, 6)))[0]
    assert ax.get_xlim() == (-5, 5) and ax.get_ylim() == (-6, 6)


def test_a_flat_surface_and_no_paths():
    """A surface without levels is drawn; no paths are refused."""
    assert len(plot_paths(lambda x, y: 0 * x, {"a": np.zeros([3, 2])})[0].lines) == 2
    for wrong in ({}, {"a": np.zeros(3)}):
        with pytest.raises(ValueError, match="Argument `paths` of `plot_paths` must be arrays of points by 2"):
            plot_paths(np.hypot, wrong)
