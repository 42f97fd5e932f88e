"""Windows of metrics inside an epoch, when something else uses the metrics or a batch is not finite."""

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from test_plateau_every import told

import keras_lr as klr

LOSSES = np.array([5, 4, 6, 8, 7, 9, 3, 2, 1, 4, 5, 9], "float32")[:, None]
MEANS = LOSSES.reshape(4, 3).mean(axis=1)


class Seen(klr.PlateauReducer):
    """Records the loss of each window."""

    def __init__(self, every=3, **options):
        super().__init__("loss", every=every, **options)
        self.losses = []

    def _check(self, metrics):
        self.losses.append(metrics["loss"])
        super()._check(metrics)


def disturb(kind, model):
    x, y = np.ones([4, 1], "float32"), np.full([4, 1], 99.0, "float32")
    if kind == "evaluate":
        model.evaluate(x, y, verbose=0)
    elif kind == "reset":
        model.reset_metrics()
    elif kind in ("train_on_batch", "test_on_batch"):
        getattr(model, kind)(x, y)
    else:
        model.fit(x, y, verbose=0)


class Disturb(keras.callbacks.Callback):
    """Uses the metrics of the model after some batches, or before them."""

    def __init__(self, kind, batches, hook):
        super().__init__()
        self.kind, self.batches = kind, batches
        setattr(self, hook, self.maybe)

    def maybe(self, batch, logs=None):
        if batch in self.batches:
            disturb(self.kind, self.model)


def fit(callbacks, losses=LOSSES, epochs=1, **options):
    model = told(opt.SGD(0.0))
    return model, model.fit(
        np.ones_like(losses),
        losses,
        batch_size=1,
        shuffle=False,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
        **options,
    )


@pytest.mark.parametrize("kind", ["evaluate", "reset", "fit"])
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("order", [1, pytest.param(-1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "batches",
    [pytest.param((0, 4), marks=pytest.mark.slow), (2, 3, 5, 11), pytest.param(range(12), marks=pytest.mark.slow)],
    ids=str,
)
def test_another_use_of_the_metrics(kind, hook, order, batches):
    """Each window is the mean of its own batches, in either order of the callbacks, and in each epoch."""
    seen = Seen()
    model, _ = fit([seen, Disturb(kind, batches, hook)][::order], epochs=2)
    np.testing.assert_allclose(seen.losses, [*MEANS, *MEANS], rtol=1e-5)
    assert "reset_metrics" not in vars(model)


@pytest.mark.parametrize("kind", ["train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_begin"])
@pytest.mark.parametrize("order", [1, -1])
def test_single_batches_of_another_callback(kind, hook, order):
    """They are no part of a window, also before the first batch of an epoch."""
    seen = Seen()
    fit([seen, Disturb(kind, (0, 1, 4), hook)][::order], epochs=2)
    np.testing.assert_allclose(seen.losses, [*MEANS, *MEANS], rtol=1e-5)


def test_an_interrupted_fit():
    """What is left of it after Ctrl-C does nothing, whatever happens to the model, and is gone with the next use."""

    def interrupt(batch, logs):
        if batch == 4:
            raise KeyboardInterrupt

    model, seen = told(opt.SGD(0.0)), Seen()
    options = {"batch_size": 1, "shuffle": False, "verbose": 0}
    callbacks = [seen, keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.ones_like(LOSSES), LOSSES, callbacks=callbacks, **options)
    model.compile(opt.SGD(0.0), loss="mse", metrics=["mae", "mse"])
    assert len(model.evaluate(np.ones([4, 1]), np.ones([4, 1]), verbose=0)) == 3
    assert "reset_metrics" not in vars(model)
    assert len(seen.losses) == 1


def test_two_callbacks_with_windows():
    """Two windows of different lengths do not disturb each other, beside evaluations, NaN and validations."""
    losses, seen, other = LOSSES.copy(), Seen(), Seen(every=4)
    other.monitor = "mean"  # only to have a state of its own
    other._check = lambda metrics: other.losses.append(metrics["loss"])
    losses[5] = np.nan
    data = np.ones([4, 1], "float32")
    callbacks = [seen, Disturb("evaluate", (2, 6, 8), "on_train_batch_end"), other]
    model, history = fit(callbacks, losses, epochs=2, validation_data=(data, data))
    for callback, length, bad in ((seen, 3, [1, 5]), (other, 4, [1, 4])):
        windows = [*losses.reshape(-1, length).mean(axis=1)] * 2
        np.testing.assert_allclose(callback.losses, windows, rtol=1e-5)
        assert np.isnan(np.array(callback.losses)[bad]).all()
    assert np.isnan(history.history["loss"]).all() and "reset_metrics" not in vars(model)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_batch_that_is_not_finite(bad):
    """Its window is not finite, later ones are right, and `logs` of the epoch still have what Keras reports."""
    losses, seen = LOSSES.copy(), Seen()
    losses[4] = bad
    early = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: reported.append(logs["loss"]))
    reported = []
    _, history = fit([early, seen], losses, epochs=2)
    for windows in (seen.losses[:4], seen.losses[4:]):
        assert not np.isfinite(windows[1])
        np.testing.assert_allclose(np.delete(windows, 1), np.delete(MEANS, 1), rtol=1e-5)
    assert not np.isfinite(reported + history.history["loss"]).any()


def test_a_batch_that_is_not_finite_and_a_validation():
    """The logs are right where a validation resets the metrics before the epoch ends."""
    losses, seen = LOSSES.copy(), Seen()
    losses[4] = np.nan
    data = np.ones([4, 1], "float32")
    _, history = fit([seen], losses, epochs=2, validation_data=(data, data))
    assert np.isnan(history.history["loss"]).all()
    np.testing.assert_allclose(history.history["val_loss"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.delete(seen.losses, [1, 5]), [*np.delete(MEANS, 1)] * 2, rtol=1e-5)


def test_no_reduction_without_a_cause():
    """One bad batch is one bad check, where all checks after it were bad."""
    losses = np.arange(24, 0, -1).astype("float32")[:, None]
    losses[3] = np.nan
    model = told(opt.SGD(1.0))
    reducer = klr.PlateauReducer("loss", patience=2, every=2)
    options = {"batch_size": 1, "shuffle": False, "callbacks": [reducer], "verbose": 0}
    model.fit(np.ones_like(losses), losses, **options)
    assert float(model.optimizer.learning_rate) == 1.0


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution():
    """A window ends with the execution that completes it, also beside an evaluation."""
    seen = Seen(every=6)
    model = told(opt.SGD(0.0), steps_per_execution=2)
    options = {"batch_size": 1, "shuffle": False, "verbose": 0}
    callbacks = [seen, Disturb("evaluate", (2, 4, 6), "on_train_batch_begin")]
    model.fit(np.ones_like(LOSSES), LOSSES, callbacks=callbacks, **options)
    np.testing.assert_allclose(seen.losses, LOSSES.reshape(2, 6).mean(axis=1), rtol=1e-5)


def test_the_windows_of_the_ramp():
    """They are those of an epoch in which nothing else happens, by the usual memory that they lead to."""
    losses = np.concatenate([np.linspace(5, 4, 40), np.linspace(4, 3, 40), np.linspace(6, 5, 40)])
    losses = losses.astype("float32")[:, None]

    def weights(callbacks, losses):
        model = told(opt.SGD(0.01, momentum=0.5))
        ramp = klr.AdaptiveMomentumRamp(peak=0.95)
        options = {"batch_size": 1, "shuffle": False, "epochs": 2, "verbose": 0}
        model.fit(np.ones_like(losses), losses, callbacks=[*callbacks, ramp], **options)
        return float(keras.ops.convert_to_numpy(model.optimizer._managed.variables["momentum_usual"]))

    alone = weights([], losses)
    disturbed = weights([Disturb("evaluate", range(0, 120, 7), "on_train_batch_begin")], losses)
    assert alone == disturbed
