"""`BindSpans` through a compiled `fit`: the rates that the weights were changed by."""

import keras
import numpy as np
import pytest
from backends import NAME
from models import Applied, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr
from keras_lr.optimizers.inspection import inner_optimizers

pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")  # Keras' own, of data it can't shuffle
RATE = klr.Intervals(klr.epochs(1, 2), [4.0, 2.0, 1.0])


class Batches(keras.utils.PyDataset):
    def __init__(self, batches, batch_size=2):
        super().__init__()
        self.batches, self.batch_size = batches, batch_size

    def __len__(self):
        return self.batches

    def __getitem__(self, index):
        return np.ones([self.batch_size, 1], "float32"), np.ones([self.batch_size, 1], "float32")


def generator(batch_size=2):
    while True:
        yield np.ones([batch_size, 1], "float32"), np.ones([batch_size, 1], "float32")


def dataset(batches, repeat=False):
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(ones(batches, 2)).batch(2)
    return data.repeat() if repeat else data


DATA = {
    "arrays": lambda: ({"x": ones(5, 2)[0], "y": ones(5, 2)[1], "batch_size": 2}),
    "arrays, partial last batch": lambda: ({"x": np.ones([9, 1]), "y": np.ones([9, 1]), "batch_size": 2}),
    "validation split": lambda: (
        {"x": np.ones([20, 1]), "y": np.ones([20, 1]), "batch_size": 2, "validation_split": 0.5}
    ),
    "tf.data": lambda: {"x": dataset(5)},
    "tf.data, repeated": lambda: {"x": dataset(3, repeat=True), "steps_per_epoch": 5},
    "PyDataset": lambda: {"x": Batches(5)},
    "generator": lambda: {"x": generator(), "steps_per_epoch": 5},
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_epochs_of_any_data(data):
    """Boundaries in epochs fall on the epochs, whatever the data is fed from."""
    model, seen = rate_meter(keras.optimizers.SGD(RATE)), Applied()
    model.fit(**data(), epochs=3, callbacks=[klr.BindSpans(), seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [4.0] * 5 + [2.0] * 5 + [1.0] * 5, rtol=1e-6)


OTHERS = {
    "Monitor": lambda folder: klr.Monitor(),
    "PlateauReducer": lambda folder: klr.PlateauReducer("loss", patience=9),
    "LiveControl": lambda folder: klr.LiveControl(folder / "control.json"),
    "EpochIntervalSwitcher": lambda folder: klr.EpochIntervalSwitcher([9], [0.0, 1.0], hyperparameter="weight_decay"),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS.keys())
def test_every_callback_binds(make, tmp_path):
    """Any other callback of the library resolves spans, too, and warns where a schedule is over."""
    model, seen = rate_meter(keras.optimizers.SGD(RATE)), Applied()
    model.fit(*ones(5), batch_size=1, epochs=3, callbacks=[seen, make(tmp_path)], verbose=0)
    np.testing.assert_allclose(seen.rates, [4.0] * 5 + [2.0] * 5 + [1.0] * 5, rtol=1e-6)
    with pytest.warns(UserWarning, match="The schedule of `learning_rate` is over"):
        model.fit(*ones(5), batch_size=1, callbacks=[make(tmp_path)], verbose=0)


def test_225_steps_an_epoch():
    """At 225 steps an epoch, the update with index 4499 has 0.1 and that with 4500 has 0.01."""
    rate = klr.Intervals(klr.epochs(20, 60, 100), [0.1, 0.01, 0.001, 0.0001])
    model, seen = rate_meter(keras.optimizers.SGD(rate)), Applied()
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(19 * 225)
    x, y = ones(225)
    model.fit(x, y, batch_size=1, initial_epoch=19, epochs=21, callbacks=[klr.BindSpans(), seen], verbose=0)
    np.testing.assert_allclose(seen.rates[223:227], [0.1, 0.1, 0.01, 0.01], rtol=1e-4)
    assert len(seen.rates) == 450


def test_examples():
    """Spans in examples use the batch size, which arrays tell; a boundary is the first step at or past it."""
    rate = klr.Intervals(klr.examples(7, 14), [4.0, 2.0, 1.0])
    for batch_size, expected in ((2, [4, 4, 4, 4, 2, 2, 2, 1]), (4, [4, 4, 2, 2, 1, 1, 1, 1])):
        model, seen = rate_meter(keras.optimizers.SGD(rate)), Applied()
        x, y = ones(8, batch_size)
        model.fit(x, y, batch_size=batch_size, callbacks=[klr.BindSpans(), seen], verbose=0)
        np.testing.assert_allclose(seen.rates, expected, rtol=1e-6)


def test_a_later_epoch_with_a_fresh_optimizer():
    """`fit(initial_epoch=k)` on an optimizer that has made no step says so, with the remedy, which works."""
    model = rate_meter(keras.optimizers.SGD(RATE))
    with pytest.warns(UserWarning, match=r"begins at epoch 1, .*resume_at\(model, epoch=1, steps_per_epoch=3\)"):
        model.fit(*ones(3), batch_size=1, initial_epoch=1, epochs=2, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 3 * 4.0)
    model = rate_meter(keras.optimizers.SGD(RATE))
    klr.resume_at(model, epoch=1, steps_per_epoch=3)
    model.fit(*ones(3), batch_size=1, initial_epoch=1, epochs=2, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 3 * 2.0)


def test_share_of_the_run():
    """Spans as a share use the epochs of `fit`."""
    rate = klr.Intervals(klr.fraction(0.25, 0.5), [4.0, 2.0, 1.0])
    model, seen = rate_meter(keras.optimizers.SGD(rate)), Applied()
    model.fit(*ones(4), batch_size=1, epochs=2, callbacks=[klr.BindSpans(), seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [4, 4, 2, 2, 1, 1, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("make", [keras.optimizers.Adam, lambda rate: keras.optimizers.SGD(rate, momentum=0.9)])
def test_forgotten_once(make):
    """A `fit` without it fails; the next one with it trains as if the first had not been."""
    (x, y), weights, rate = flowers(16), [], klr.Linear(0.1, 0.0, klr.epochs(2))
    for is_forgotten in (False, True):
        model = classifier(make(rate))
        if is_forgotten:
            with pytest.raises(ValueError, match="BindSpans"):
                model.fit(x, y, batch_size=4, verbose=0)
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, callbacks=[klr.BindSpans()], verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def nothing_trained(model, message, callback, **fit):
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match=message):
        model.fit(**fit, callbacks=[callback], verbose=0)
    assert int(model.optimizer.iterations) == 0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_unknown_length_is_an_error_before_the_first_step():
    """When the number of steps can't be known, `fit` says what to pass and changes nothing."""

    def endless():
        yield from generator()

    message = r"how many batches an epoch has.*`fit\(steps_per_epoch=...\)` or `BindSpans\(steps_per_epoch=...\)`"
    nothing_trained(rate_meter(keras.optimizers.SGD(RATE)), message, klr.BindSpans(), x=endless())


def test_unknown_batch_size_is_an_error_before_the_first_step():
    """When the batch size can't be known, `fit` says what to pass and changes nothing."""
    rate = klr.Intervals(klr.examples(7), [4.0, 2.0])
    message = r"how many examples a batch has.*`BindSpans\(batch_size=...\)`"
    nothing_trained(rate_meter(keras.optimizers.SGD(rate)), message, klr.BindSpans(), x=Batches(5))


def test_what_the_data_does_not_tell_can_be_passed():
    """`steps_per_epoch` and `batch_size` of `BindSpans` serve data of unknown length."""

    def five():
        for _ in range(5):
            yield next(generator())

    model = rate_meter(keras.optimizers.SGD(klr.Intervals(klr.epochs(0.4), [4.0, 2.0])))
    model.fit(five(), callbacks=[klr.BindSpans(steps_per_epoch=5)], verbose=0)
    np.testing.assert_allclose(applied(model), 2 * 4 + 3 * 2)
    model = rate_meter(keras.optimizers.SGD(klr.Intervals(klr.examples(4), [4.0, 2.0])))
    model.fit(Batches(5), callbacks=[klr.BindSpans(batch_size=2)], verbose=0)
    np.testing.assert_allclose(applied(model), 2 * 4 + 3 * 2)


def test_two_truths_are_refused():
    """A number that contradicts the data is an error, before the first step."""
    x, y = ones(5)
    model = rate_meter(keras.optimizers.SGD(RATE))
    message = "`steps_per_epoch` of `BindSpans` must be what the data says, 5"
    nothing_trained(model, message, klr.BindSpans(steps_per_epoch=6), x=x, y=y, batch_size=1)
    message = "`batch_size` of `BindSpans` must be what the data says, 1"
    nothing_trained(model, message, klr.BindSpans(batch_size=2), x=x, y=y, batch_size=1)


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", True])
def test_bad_arguments(number):
    """The arguments are integers > 0."""
    for name in ("steps_per_epoch", "batch_size"):
        with pytest.raises(ValueError, match=rf"`{name}` of `BindSpans` must be an integer > 0. Received: {name}="):
            klr.BindSpans(**{name: number})
        assert vars(klr.BindSpans(**{name: np.int64(3)}))[name] == 3


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "make", [keras.optimizers.AdamW, lambda rate: klr.scheduled(keras.optimizers.AdamW(rate), beta_1=0.5)]
)
def test_the_end_of_data_of_unknown_length(make):
    """It is no step: Keras begins one, and TensorFlow runs what needs no data, such as the count and the decay."""
    import tensorflow as tf

    weights = []
    for is_known in (True, False):
        optimizer = make(klr.Linear(0.1, 0.0, steps="3 epochs"))
        model = classifier(optimizer)
        data = tf.data.Dataset.from_tensor_slices(flowers(12)).batch(4)
        data = data if is_known else data.filter(lambda x, y: True)
        monitor = klr.Monitor()
        callbacks = [klr.BindSpans(steps_per_epoch=3), monitor]
        model.fit(data, epochs=2, callbacks=callbacks, verbose=0)
        np.testing.assert_allclose(monitor.steps["learning_rate"], 0.1 - 0.1 * np.arange(6) / 9, rtol=1e-6)
        weights.append([*model.get_weights(), *map(keras.ops.convert_to_numpy, optimizer.variables[:2])])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow
def test_an_optimizer_with_a_number_stays_plain():
    """So its model can be loaded without keras_lr, also after a `fit` on data of unknown length."""
    import tensorflow as tf

    model = rate_meter(keras.optimizers.SGD(0.1))
    data = tf.data.Dataset.from_tensor_slices(ones(2)).batch(1).filter(lambda x, y: True)
    model.fit(data, callbacks=[klr.Monitor()], verbose=0)
    assert type(model.optimizer) is keras.optimizers.SGD


@pytest.mark.tensorflow  # elsewhere Keras itself fails before callbacks begin
def test_no_data():
    """Data without a batch, such as less than one with `drop_remainder`, is named as the cause."""
    for length in (klr.epochs(2), klr.fraction(0.5)):
        model, (x, y) = rate_meter(keras.optimizers.SGD(klr.Linear(1.0, 0.0, steps=length))), ones(0)
        nothing_trained(model, "The training data has no batches", klr.BindSpans(), x=x, y=y)


def test_without_binding_the_error_is_early():
    """A schedule in epochs without `BindSpans` fails in the first step, with the remedy."""
    model = rate_meter(keras.optimizers.SGD(RATE))
    x, y = ones(5)
    with pytest.raises(ValueError, match=r"not a number of steps yet.*BindSpans\(\)"):
        model.fit(x, y, batch_size=1, verbose=0)
    if NAME != "jax":  # where Keras loses the weights with any error in the first step
        np.testing.assert_array_equal(model.get_weights()[0], 0.0)


def test_a_second_fit_with_another_batch_size_takes_effect():
    """Another number of steps binds anew; the same number costs no second trace."""
    model, seen = rate_meter(keras.optimizers.SGD(RATE)), Applied()
    model.fit(*ones(4), batch_size=1, epochs=1, callbacks=[klr.BindSpans()], verbose=0)
    function = model.train_function
    model.fit(*ones(4), batch_size=1, initial_epoch=1, epochs=2, callbacks=[klr.BindSpans(), seen], verbose=0)
    assert model.train_function is function
    np.testing.assert_allclose(seen.rates, [2.0] * 4)
    # 8 updates are made; with 2 steps an epoch they are 4 epochs, so the last value is in force.
    seen = Applied()
    with pytest.warns(UserWarning, match="`learning_rate` is over"):
        model.fit(*ones(4), batch_size=2, epochs=1, callbacks=[klr.BindSpans(), seen], verbose=0)
    assert model.train_function is not function
    np.testing.assert_allclose(seen.rates, [1.0] * 2)
    # With 20 steps an epoch they are less than one; the batch is one that was traced before.
    seen = Applied()
    with pytest.warns(UserWarning, match="The position in the schedule of `learning_rate` moves"):
        model.fit(*ones(20), batch_size=1, epochs=1, callbacks=[klr.BindSpans(), seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [4.0] * 10 + [2.0] * 10)
    assert "train_step" not in vars(model)


def test_schedule_given_in_the_middle_of_fit():
    """A callback may give the model another schedule, with spans, after an epoch."""

    def replace(epoch, logs):
        if epoch == 0:
            klr.set_learning_rate(model, RATE)

    model, record = rate_meter(keras.optimizers.SGD(8.0)), Applied()
    swap = keras.callbacks.LambdaCallback(on_epoch_end=replace)
    x, y = ones(2)
    model.fit(x, y, batch_size=1, epochs=3, callbacks=[klr.BindSpans(), record, swap], verbose=0)
    assert record.rates == [8.0, 8.0, 2.0, 2.0, 1.0, 1.0]


def test_bound_numbers_are_saved(tmp_path):
    """A loaded model goes on at the same step with the same rate, without `BindSpans`."""
    model = rate_meter(keras.optimizers.SGD(RATE))
    model.fit(*ones(4), batch_size=1, epochs=1, callbacks=[klr.BindSpans()], verbose=0)
    model.compile(optimizer=model.optimizer, loss="mae")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == 2.0
    assert loaded.optimizer._learning_rate.bind(steps_per_epoch=2).values([1, 2, 4]).tolist() == [4.0, 2.0, 1.0]
    loaded.compile(optimizer=loaded.optimizer, loss=lambda y, p: keras.ops.mean(p))
    seen = Applied()
    loaded.fit(*ones(8), batch_size=1, callbacks=[seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [2.0] * 4 + [1.0] * 4, rtol=1e-6)


@pytest.mark.parametrize("micro_batches", [2, 3, 5])
def test_gradient_accumulation(micro_batches):
    """An epoch is an epoch and a step is an update when each update takes several batches."""
    rate = klr.Intervals(klr.epochs(1, 2), [4.0, 2.0, 1.0])
    in_steps = klr.Table([3.0, 2.0, 1.0])
    for schedule, expected in (
        (rate, [4.0] * 30 + [2.0] * 30 + [1.0] * 30),
        (in_steps, [3.0] * micro_batches + [2.0] * micro_batches + [1.0] * (90 - 2 * micro_batches)),
    ):
        model = rate_meter(keras.optimizers.SGD(schedule, gradient_accumulation_steps=micro_batches))
        for epoch in (1, 2, 3):  # fitted again, it is not wrapped again
            fit = {"initial_epoch": epoch - 1, "epochs": epoch, "verbose": 0}
            model.fit(*ones(30), batch_size=1, callbacks=[klr.BindSpans()], **fit)
        np.testing.assert_allclose(applied(model), sum(expected) / micro_batches, rtol=1e-5)


def test_per_update_in_a_loop_of_ones_own():
    """`PerUpdate` without accumulation is kept, and binds its spans to updates of its own size."""
    model = rate_meter(keras.optimizers.SGD(klr.PerUpdate(klr.Intervals(klr.epochs(1), [4.0, 2.0]), batches=2)))
    for epoch in range(2):
        fit = {"initial_epoch": epoch, "epochs": epoch + 1, "verbose": 0}
        model.fit(*ones(6), batch_size=1, callbacks=[klr.BindSpans()], **fit)
    np.testing.assert_allclose(applied(model), 6 * 4 + 6 * 2, rtol=1e-6)


def test_nested_optimizers():
    """The schedules inside `LossScaleOptimizer` and `MultiOptimizer` are bound, too."""
    inner = keras.optimizers.SGD(RATE)
    model = rate_meter(keras.optimizers.LossScaleOptimizer(inner))
    model.fit(*ones(3), batch_size=1, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 3 * (4 + 2 + 1), rtol=1e-6)
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        return
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(RATE), {".*nothing.*": keras.optimizers.SGD(RATE)})
    model = rate_meter(keras.optimizers.MultiOptimizer(parts))
    model.fit(*ones(3), batch_size=1, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 3 * (4 + 2 + 1), rtol=1e-6)


def test_other_rates_are_left_alone():
    """Numbers, Keras' own schedules and schedules in steps are as before."""
    for rate in (0.5, keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5), klr.Constant(0.5)):
        model = rate_meter(keras.optimizers.SGD(rate))
        before = model.optimizer._learning_rate
        model.fit(*ones(3), batch_size=1, callbacks=[klr.BindSpans()], verbose=0)
        assert model.optimizer._learning_rate is before


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution():
    """A schedule stays exact when several steps are one call."""
    model = rate_meter(keras.optimizers.SGD(RATE), steps_per_execution=4)
    model.fit(*ones(6), batch_size=1, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 6 * (4 + 2 + 1), rtol=1e-6)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}], ids=str)
def test_ways_to_run(options):
    """Eager and jit-compiled training apply the same rates."""
    model = rate_meter(keras.optimizers.SGD(RATE), **options)
    model.fit(*ones(3), batch_size=1, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 3 * (4 + 2 + 1), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    """Under mixed precision the schedule is bound through the loss-scaling wrapper that Keras adds."""
    keras.config.set_dtype_policy(policy)
    try:
        model = classifier(keras.optimizers.SGD(RATE))
        model.fit(*flowers(), batch_size=4, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
        # Batches whose float16 gradients overflow make no update.
        updates = int(inner_optimizers(model.optimizer)[0].iterations)
        assert updates > 16
        assert float(model.optimizer.learning_rate) == RATE.bind(steps_per_epoch=16).values([updates])[0]
    finally:
        keras.config.set_dtype_policy("float32")
