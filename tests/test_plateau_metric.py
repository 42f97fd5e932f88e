"""`PlateauReducer` on a metric that another callback puts into `logs`."""

import itertools

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, ones, rate_meter
from test_plateau_reducer import RATES, SERIES

import keras_lr as klr


class F1(keras.callbacks.Callback):
    """Puts a metric into `logs`, every few epochs."""

    def __init__(self, every=1, name="f1"):
        super().__init__()
        self.every, self.name = every, name

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            logs[self.name] = -SERIES[epoch // self.every]


def reducer(name="f1", **options):
    return klr.PlateauReducer(name, **({"mode": "max", "factor": 0.5, "patience": 2} | options))


def rates(*callbacks, model=None, epochs=9):
    model, seen = model or rate_meter(opt.SGD(1.0)), Applied()
    model.fit(*ones(1), batch_size=1, epochs=epochs, callbacks=[*callbacks, seen], verbose=0)
    return seen.rates


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_any_order(order, tmp_path):
    """The source may stand anywhere, and what saves the model saves the state after the check."""
    path = str(tmp_path / "{epoch}.keras")
    callbacks = [keras.callbacks.ModelCheckpoint(path), F1(), reducer()]
    model = rate_meter(opt.SGD(1.0))
    model.compile(optimizer=model.optimizer, loss="mae")
    applied = []
    record = lambda epoch, logs: applied.append(float(model.optimizer.learning_rate))  # noqa: E731
    callbacks = [*(callbacks[index] for index in order), keras.callbacks.LambdaCallback(on_epoch_begin=record)]
    model.fit(*ones(1), batch_size=1, epochs=9, callbacks=callbacks, verbose=0)
    np.testing.assert_allclose(applied, RATES, rtol=1e-5)
    for epoch in range(1, 9):
        saved = keras.saving.load_model(path.format(epoch=epoch)).optimizer
        np.testing.assert_allclose(float(saved.learning_rate), RATES[epoch], rtol=1e-5)


@pytest.mark.parametrize("order", [1, -1])
def test_a_metric_of_every_few_epochs(order):
    """Epochs that lack it are no checks."""
    np.testing.assert_allclose(rates(*[F1(every=3), reducer()][::order], epochs=27), np.repeat(RATES, 3), rtol=1e-5)


@pytest.mark.parametrize("order", [1, -1])
def test_a_metric_called_val(order):
    """A callback with its own validation data needs none in `fit`."""
    np.testing.assert_allclose(rates(*[F1(name="val_f1"), reducer("val_f1")][::order]), RATES, rtol=1e-5)


def test_a_lambda_and_a_backup(tmp_path):
    """A `LambdaCallback` can be the source. Killed and restored, the run is the uninterrupted one."""

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4 and not killed:
                killed.append(True)
                raise KeyboardInterrupt

    source = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(f1=-SERIES[epoch]))
    killed = []
    for _ in range(2):
        model, backup = rate_meter(opt.SGD(1.0)), keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        try:
            found = rates(backup, reducer(), source, Kill(), model=model)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(found, RATES[4:], rtol=1e-4)


def test_a_metric_that_never_comes():
    """It warns at the end where a callback might have reported it, and raises after an epoch where none could."""
    with pytest.warns(UserWarning, match="no epoch of this `fit` reported `f2`.*The metrics were: f1, l"):
        np.testing.assert_allclose(rates(F1(), reducer("f2"), epochs=2), [1.0, 1.0], rtol=1e-5)
    model = rate_meter(opt.SGD(1.0))
    with pytest.raises(ValueError, match="watches `f2`, which is none of the metrics: learning_rate, loss"):
        model.fit(*ones(1), callbacks=[reducer("f2"), klr.Monitor(), keras.callbacks.EarlyStopping("loss")], verbose=0)
    with pytest.raises(ValueError, match="watches `val_f1`, and there is no validation data"):
        model.fit(*ones(1), callbacks=[reducer("val_f1")], verbose=0)
