"""`PlateauReducer` with checks inside an epoch: what is measured, and when it reduces."""

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import Applied, classifier, flowers, rate_meter
from test_plateau_reducer import RATES, SERIES

import keras_lr as klr
from keras_lr.callbacks.metric_window import MetricWindow

EACH = 3  # batches of a check


def told(optimizer, **compile_options):
    """A `rate_meter` whose loss in each batch is what the data says."""
    model = rate_meter(optimizer)
    stop = keras.ops.stop_gradient
    loss = lambda y, p: keras.ops.mean(y) + keras.ops.mean(p) - stop(keras.ops.mean(p))  # noqa: E731
    model.compile(optimizer=optimizer, loss=loss, **compile_options)
    return model


def losses(epochs=1):
    """For each batch a loss; three of them have the mean of the series, and none is that mean."""
    values = (np.repeat(SERIES, EACH) + np.tile([-1.5, 0.5, 1.0], len(SERIES))).astype("float32")[:, None]
    return [(np.ones_like(part), part) for part in np.split(values, epochs)]


def reducer(**options):
    return klr.PlateauReducer("loss", **({"factor": 0.5, "patience": 2, "every": EACH} | options))


@pytest.mark.parametrize("rate", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
@pytest.mark.parametrize("every", [EACH, klr.epochs(1 / 9), klr.examples(3)], ids=repr)
def test_it_reduces_inside_an_epoch(rate, every):
    """A check is the mean over its batches, and the next batch has the reduced rate."""
    model, seen = told(opt.SGD(rate)), Applied()
    model.fit(*losses()[0], batch_size=1, shuffle=False, callbacks=[reducer(every=every), seen], verbose=0)
    np.testing.assert_allclose(seen.rates, np.repeat(RATES, EACH), rtol=1e-4)


def test_parts_of_batches():
    """A check that does not fall on a batch is made at the next one, and no part of a batch is lost."""
    model, seen = told(opt.SGD(1.0)), Applied()
    never_better = {"patience": 1, "threshold": 100.0, "relative": False}
    options = {"every": klr.examples(2.5), **never_better}  # checks after 3, 5, 8 and 10 batches; the first is the best
    x, y = losses()[0]
    model.fit(x[:11], y[:11], batch_size=1, shuffle=False, callbacks=[reducer(**options), seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [1.0] * 5 + [0.5] * 3 + [0.25] * 2 + [0.125], rtol=1e-4)


@pytest.mark.parametrize("validated", [False, True])
def test_many_fits_are_one(validated, tmp_path):
    """Checks at the end of an epoch count, also where a validation follows; n fits, saved and loaded, are one."""
    model, seen = told(opt.SGD(klr.Constant(1.0))), Applied()
    rates, loss = [], model.loss
    for epoch, (x, y) in enumerate(losses(3)):
        validation = {"validation_data": (x, -100 * y)} if validated else {}
        callbacks = [reducer(), seen]
        keywords = {"batch_size": 1, "shuffle": False, "verbose": 0, "callbacks": callbacks} | validation
        model.fit(x, y, initial_epoch=epoch, epochs=epoch + 1, **keywords)
        rates, seen.rates = rates + seen.rates, []
        model.compile(optimizer=model.optimizer, loss="mse")
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
        model.compile(optimizer=model.optimizer, loss=loss)
    np.testing.assert_allclose(rates, np.repeat(RATES, EACH), rtol=1e-4)


def test_several_epochs():
    """Each epoch counts from its start: where every check is an improvement, there is no reduction."""
    model, falling = told(opt.SGD(1.0)), np.arange(27.0, 0.0, -1.0, dtype="float32")[:, None, None]
    keywords = {"steps_per_epoch": 9, "epochs": 3, "shuffle": False, "verbose": 0}
    model.fit(((np.ones_like(y), y) for y in falling), callbacks=[reducer(patience=1)], **keywords)
    assert float(model.optimizer.learning_rate) == 1.0


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution():
    """A check that falls inside of an execution is made after it, over all its batches."""
    model = told(opt.SGD(1.0), steps_per_execution=6)
    history = model.fit(*losses()[0], batch_size=1, shuffle=False, callbacks=[reducer()], verbose=0).history
    # Checks after 6, 12, 18, 24 and 27 batches, with the means 4.5, 4, 3, 3 and 3: one reduction, at the end.
    assert float(model.optimizer.learning_rate) == 0.5
    np.testing.assert_allclose(history["loss"], [np.mean(SERIES)], rtol=1e-5)


def test_metrics_of_the_last_batches():
    """Means, and metrics that are none, are those of the batches alone, as an evaluation of them has it."""
    model = classifier(opt.SGD(0.0), metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")])
    x, y = flowers()
    weight = np.linspace(0.5, 2.0, len(x)).astype("float32")
    window, read = MetricWindow(), {}

    class Read(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch in (3, 10):
                read[batch] = window.read(self.model)

    model.fit(x, y, sample_weight=weight, batch_size=4, shuffle=False, callbacks=[Read()], verbose=0)
    for batch, part in ((3, slice(0, 12)), (10, slice(12, 40))):
        options = {"batch_size": 4, "return_dict": True, "verbose": 0}
        alone = model.evaluate(x[part], y[part], sample_weight=weight[part], **options)
        assert read[batch] == pytest.approx(alone, rel=1e-5)


def test_a_metric_that_is_no_mean():
    """The area under the curve over the last batches is that of these batches."""
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=opt.SGD(0.0), loss="binary_crossentropy", metrics=["AUC"])
    x, y = flowers()
    y = (y > 0).astype("float32")[:, None]
    window, read = MetricWindow(), []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: read.append(window.read(model)))

    class Skip(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 6:
                window.read(self.model)

    model.fit(x, y, batch_size=4, shuffle=False, callbacks=[Skip(), spy], verbose=0)
    alone = model.evaluate(x[24:], y[24:], return_dict=True, verbose=0)
    assert read[0] == pytest.approx(alone, rel=1e-5)


def test_no_hook_at_the_end_of_batches():
    """It has no hook that would have Keras wait for the device at every batch."""
    for hook in ("on_train_batch_end", "on_batch_end"):
        assert getattr(klr.PlateauReducer, hook) is getattr(keras.callbacks.Callback, hook)


def test_refusals():
    """Checks that can't be made are refused, early where it can be known."""
    model, data = told(opt.SGD(1.0)), losses()[0]
    with pytest.raises(ValueError, match="`monitor` of `PlateauReducer` must be a metric of the training"):
        klr.PlateauReducer("val_loss", every=10)
    with pytest.raises(ValueError, match="`every` of `PlateauReducer` must be at most an epoch, 27 batches"):
        model.fit(*data, batch_size=1, callbacks=[reducer(every=28)], verbose=0)
    assert int(model.optimizer.iterations) == 0

    def batches():
        yield from ((x[None], y[None]) for x, y in zip(*data, strict=True))

    with pytest.raises(ValueError, match="an integer where it is not known how many batches an epoch has"):
        model.fit(batches(), shuffle=False, callbacks=[reducer(every=klr.epochs(0.5))], verbose=0)
    with pytest.raises(ValueError, match="`every` of `PlateauReducer` must be at most an epoch long"):
        model.fit(batches(), shuffle=False, callbacks=[reducer(every=28)], verbose=0)
    with pytest.raises(ValueError, match="watches `mae`, which is none of the metrics: loss"):
        model.fit(*data, batch_size=1, callbacks=[klr.PlateauReducer("mae", every=5)], verbose=0)
