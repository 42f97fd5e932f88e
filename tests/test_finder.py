"""`find_learning_rate`: each loss is that of its rate, and what it was done to is what it was."""

import functools
import random

import keras
import numpy as np
import pytest
from backends import NAME
from keras import layers
from keras import optimizers as opt
from models import applied, classifier, flowers, ones, rate_meter

import keras_lr as klr
from keras_lr import find_learning_rate
from keras_lr.optimizers.inspection import inner_optimizers

RATES = np.geomspace(1e-3, 1.0, 20)
SWEEP = {"minimum": 1e-3, "maximum": 1.0, "steps": 20, "verbose": 0}


def noisy(optimizer=None):
    """A network with everything that has a state: BatchNorm, Dropout, a metric, Adam."""
    keras.utils.set_random_seed(3)
    dense = layers.Dense(8, activation="tanh")
    model = keras.Sequential(
        [keras.Input([4]), dense, layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer or opt.Adam(0.01), loss=loss, metrics=["accuracy"])
    return model


def fit(model, epochs=1):
    return model.fit(*flowers(), batch_size=8, epochs=epochs, verbose=0).history


def randomness():
    """The random states that Python, numpy, Keras and the backend draw from."""
    states = [random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]]
    if NAME == "torch":
        import torch

        states.append(torch.get_rng_state().tolist())
    if NAME == "tensorflow":
        from tensorflow.python.eager.context import context

        states += [context()._seed, context()._rng.getstate()]
    return states


def state(model):
    """All that a model is: its numbers to the bit, and the objects it consists of."""
    optimizer = model.optimizer
    variables = [*model.variables, *optimizer.variables, *model.metrics_variables]
    parts = inner_optimizers(optimizer)
    return {
        "numbers": [(id(v), keras.ops.convert_to_numpy(v.value).tobytes()) for v in variables],
        "optimizer": [id(optimizer), optimizer.built, *map(id, optimizer.variables)],
        "parts": [(id(part), type(part), id(part._learning_rate), sorted(vars(part))) for part in parts],
        "config": [str(part.get_config()) for part in parts],
        "functions": [id(f) for f in (model.train_function, model.test_function, model.predict_function)],
        "own": [model.stop_training, id(getattr(model, "history", None)), "train_step" in vars(model)],
        "metrics": [(type(m), m.name) for m in model.metrics],
        "modes": [m.training for m in model.modules()] if NAME == "torch" else [],
        "random": randomness(),
    }


def swept(optimizer, **options):
    """The losses of a sweep over a `rate_meter`, and the rates that they show: its loss is its weight."""
    model = optimizer if isinstance(optimizer, keras.Model) else rate_meter(optimizer)
    found = find_learning_rate(model, *ones(64), batch_size=1, **(SWEEP | options))
    assert applied(model) == 0
    return found, -np.diff(found.losses)


def multi(*rates):
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    first, second = (opt.SGD(rate, name=f"part_{rate}") for rate in rates)
    return opt.MultiOptimizer(opt.OptimizerMap(first, {"never": second}))


def plateaued():
    """A model with a scheduled optimizer whose rate a plateau has reduced."""
    optimizer = klr.scheduled(opt.SGD(klr.Constant(0.5)), weight_decay=0.0)
    model = rate_meter(optimizer)
    reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=1e9)
    model.fit(*ones(1), epochs=3, callbacks=[reducer], verbose=0)
    assert float(optimizer.learning_rate) < 0.5
    model.set_weights([np.zeros([1, 1])])
    return model


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: opt.SGD(0.5),
        lambda: opt.SGD(klr.Cosine(0.5, 0.0, steps=10)),
        lambda: opt.SGD(klr.one_cycle(0.5, klr.epochs(3))),
        lambda: opt.SGD(opt.schedules.CosineDecay(0.5, 10)),
        lambda: klr.scheduled(opt.SGD(klr.Constant(0.5)), weight_decay=0.0),
        lambda: opt.LossScaleOptimizer(opt.SGD(0.5)),
        lambda: multi(0.5, 0.25),
        plateaued,
    ],
    ids=["number", "schedule", "unbound", "Keras' own", "scheduled", "nested", "multi", "plateaued"],
)
def test_each_loss_is_that_of_its_rate(optimizer):
    """Whatever the rate was given as, the sweep is exact from its first value to its last."""
    found, rates = swept(optimizer())
    np.testing.assert_array_equal(found.rates, RATES)
    assert found.rates[0] == 1e-3 and found.rates[-1] == 1.0 and found.losses[0] == 0
    np.testing.assert_allclose(rates, RATES[:-1], rtol=1e-4)


def test_it_starts_at_the_first_rate_after_training():
    """The sweep counts from its own step 0, whatever the optimizer has counted."""
    model = rate_meter(opt.SGD(klr.Linear(0.5, 0.0, steps=9)))
    model.fit(*ones(7), batch_size=1, verbose=0)
    losses = find_learning_rate(model, *ones(64), batch_size=1, **SWEEP).losses
    np.testing.assert_allclose(-np.diff(losses), RATES[:-1], rtol=1e-3)


@pytest.mark.parametrize("before", [0, 8, 7])
def test_gradient_accumulation(before):
    """A rate is that of an update; its loss is the mean of the batches of the update."""
    model = rate_meter(opt.SGD(0.5, gradient_accumulation_steps=4))
    if before:
        model.fit(*ones(before), batch_size=1, verbose=0)
    losses = find_learning_rate(model, *ones(100), batch_size=1, **SWEEP).losses
    assert len(losses) == 20
    np.testing.assert_allclose(-np.diff(losses), RATES[:-1], rtol=1e-3)


def test_a_skipped_update_is_not_in_the_curve():
    """Where a `LossScaleOptimizer` skips updates, a rate waits for the next one."""
    model = rate_meter(opt.LossScaleOptimizer(opt.SGD(0.5), initial_scale=2.0**127))
    # In float32 the gradient of 8 at that scale is infinite, so its first updates are skipped.
    model.compile(model.optimizer, loss=lambda y, p: 8 * keras.ops.mean(p))
    losses = find_learning_rate(model, *ones(64), batch_size=1, **SWEEP).losses
    np.testing.assert_allclose(-np.diff(losses), 64 * RATES[:-1], rtol=1e-3)


def test_ratios_of_layerwise_rates_stay():
    """Several optimizers keep the ratios of their rates, and the largest one is the swept one."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    model = classifier("sgd")
    for rate in (0.5, klr.Constant(0.5)):
        model.compile(klr.layerwise(model, opt.SGD(rate), decay=0.25), loss="sparse_categorical_crossentropy")
        seen = []
        step = model.train_step

        def spy(*batch, seen=seen, step=step, model=model):
            logs, variables = step(*batch), model.optimizer.variables
            # On JAX a variable has no value in a step outside of a scope.
            current = list(zip(variables, batch[0][2], strict=True)) if NAME == "jax" else []
            with keras.StatelessScope(current):
                seen.extend(float(part._learning_rate(0)) for part in inner_optimizers(model.optimizer))
            return logs

        model.run_eagerly, model.train_step = True, spy
        find_learning_rate(model, *flowers(16), **(SWEEP | {"steps": 2}))
        assert sorted(np.round(seen[:2], 9)) == [0.00025, 0.001]
        del model.train_step


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution():
    """The sweep is exact where several steps are one call."""
    model = rate_meter(opt.SGD(0.5), steps_per_execution=3)
    losses = find_learning_rate(model, *ones(64), batch_size=1, **SWEEP).losses
    np.testing.assert_allclose(-np.diff(losses), RATES[:-1], rtol=1e-4)


def test_short_data_begins_anew():
    """Data with fewer batches than rates is read again."""
    model = rate_meter(opt.SGD(0.5))
    losses = find_learning_rate(model, *ones(3), batch_size=1, **SWEEP).losses
    np.testing.assert_allclose(-np.diff(losses), RATES[:-1], rtol=1e-4)


def test_the_loss_is_that_of_the_batch():
    """A loss is that of one batch with its weights, and no running mean."""
    x, y = ones(40)
    x[::2] = 3.0
    model = rate_meter(opt.SGD(0.5))
    losses = find_learning_rate(model, x, y, batch_size=1, shuffle=False, **SWEEP).losses
    weight = 0.0
    for loss, rate, value in zip(losses, RATES, x[:, 0], strict=False):
        assert loss == pytest.approx(weight * value, rel=1e-4)
        weight -= rate * value


def nan_at(batch):
    """Data whose examples from `batch` on make the loss NaN."""
    x, y = flowers(160)
    x[8 * batch :] = np.nan
    return x, y


def raising(error, after):
    class Raising(keras.utils.PyDataset):
        count = 0

        def __len__(self):
            return 40

        def __getitem__(self, index):
            self.count += 1
            if self.count > after:
                raise error
            x, y = flowers(8)
            return x, y

    return Raising()


OPTIMIZERS = {
    "adam": lambda: opt.Adam(0.01),
    "unbound": lambda: opt.SGD(klr.one_cycle(0.05, klr.epochs(3)), momentum=0.9),
    "scheduled": lambda: klr.scheduled(opt.AdamW(0.01), beta_1=klr.Linear(0.8, 0.9, steps=30), weight_decay=True),
    "nested": lambda: opt.LossScaleOptimizer(opt.Adam(0.01, gradient_accumulation_steps=2)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, trained",
    [("adam", False), ("unbound", False), ("scheduled", True), ("nested", True)],
)
def test_training_after_is_training_without(name, trained):
    """All that the model is, is what it was, bit for bit; and so is what a training makes of it."""
    binds = [klr.BindSpans()] if name == "unbound" else []
    ends = []
    for find in (False, True):
        model = noisy(OPTIMIZERS[name]())
        if trained:
            model.fit(*flowers(), batch_size=8, callbacks=binds, verbose=0)
        if find:
            before = state(model)
            find_learning_rate(model, *flowers(), batch_size=8, **SWEEP)
            assert state(model) == before
        history = model.fit(*flowers(), batch_size=8, epochs=2, callbacks=binds, verbose=0).history
        ends.append((history, [v.tobytes() for v in model.get_weights()], randomness()))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("error, trained", [(ValueError("data"), False), (KeyboardInterrupt(), True)])
def test_an_exception_leaves_it_as_it_was(error, trained):
    """An error in the data or a Ctrl-C in the middle goes on to the caller, and nothing else is left of it."""
    model = noisy()
    if trained:
        fit(model)
    before = state(model)
    data = raising(error, after=13)
    # TensorFlow wraps what a pipeline raises.
    with pytest.raises(BaseException) as caught:
        find_learning_rate(model, data, **SWEEP)
    assert "data" in str(caught.value) or isinstance(caught.value, KeyboardInterrupt) or NAME == "tensorflow"
    assert state(model) == before
    fit(model)


def test_nan_ends_the_sweep():
    """A loss that is NaN is the last one, and the model is what it was."""
    model = noisy()
    before = state(model)
    found = find_learning_rate(model, *nan_at(12), batch_size=8, shuffle=False, **SWEEP)
    assert len(found.rates) == len(found.losses) == 13 and np.isnan(found.losses[-1])
    assert np.isfinite(found.losses[:-1]).all() and "nan" in found.stopped
    assert state(model) == before


def test_divergence_ends_the_sweep():
    """It stops a few steps after the loss has diverged, not at the end, and what came after is cut."""
    model, batches = noisy(opt.SGD(0.1)), []
    x, y = flowers(800)

    def data():
        for index in range(0, 800, 8):
            batches.append(index)
            yield x[index : index + 8], y[index : index + 8]

    found = find_learning_rate(model, data(), minimum=1e-3, maximum=1e9, steps=60, verbose=0)
    assert len(found.rates) < 45 and "diverged" in found.stopped
    assert len(batches) < len(found.rates) + 25


def tf_data(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)


def loader(x, y):
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.tensor, (x, y))), batch_size=8)


def py_dataset(x, y):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(x) // 8

        def __getitem__(self, index):
            return x[8 * index : 8 * index + 8], y[8 * index : 8 * index + 8]

    return Batches()


def generator(x, y):
    while True:
        for index in range(0, len(x), 8):
            yield x[index : index + 8], y[index : index + 8]


def losses_of(data, built=True, **options):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([*[keras.Input([4])] * built, layers.Dense(3, activation="softmax")])
    model.compile(opt.SGD(0.1), loss="sparse_categorical_crossentropy")
    before = randomness()
    losses = find_learning_rate(model, *data, shuffle=False, **options, **SWEEP).losses
    assert randomness() == before  # also where the first batch was read to build the model
    return losses


@functools.cache
def losses_of_arrays():
    return losses_of(flowers(96), batch_size=8)


@pytest.mark.parametrize(
    "kind, built",
    [(tf_data, True), (loader, True), (loader, False), (py_dataset, False), (generator, True), (generator, False)],
)
def test_what_fit_takes(kind, built):
    """Each kind of data gives the losses that arrays give, also to a model that it builds first."""
    if kind is loader and NAME == "tensorflow":
        pytest.skip("TensorFlow and torch in one process")
    losses = losses_of([kind(*flowers(96))], built)
    assert len(losses) == 20
    np.testing.assert_allclose(losses, losses_of_arrays(), rtol=1e-5)


def test_an_unbuilt_model_stays_as_fit_would_begin():
    """It is built with the weights that it would have had; its optimizer, loss and metrics are not."""
    ends = []
    for find in (False, True):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(opt.Adam(0.01), loss=loss, metrics=["accuracy"])
        if find:
            find_learning_rate(model, *flowers(), batch_size=8, **SWEEP)
            assert model.built and not model.optimizer.built and model.train_function is None
        ends.append((fit(model), [v.tobytes() for v in model.get_weights()]))
    assert ends[0] == ends[1]


def test_layers_can_be_frozen_afterwards():
    """The optimizer has not been built for the layers that were trained in the sweep."""
    model = classifier(opt.Adam(0.01))
    find_learning_rate(model, *flowers(), **SWEEP)
    model.layers[0].trainable = False
    before = model.get_weights()[0]
    fit(model)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_several_inputs_and_outputs_with_weights():
    """Dictionaries of inputs and outputs, class weights and sample weights go as they do in `fit`."""
    inputs = {name: keras.Input([1], name=name) for name in ("a", "b")}
    layer = {n: layers.Dense(1, use_bias=False, kernel_initializer="ones", name=n.upper()) for n in inputs}
    model = keras.Model(inputs, {name.upper(): layer[name](inputs[name]) for name in inputs})
    model.compile(opt.SGD(0.1), loss={"A": "mse", "B": "mse"}, loss_weights={"A": 1.0, "B": 10.0})
    one = np.ones([160, 1], "float32")
    x, y = {"a": one, "b": 2 * one}, {"A": 0 * one, "B": 0 * one}
    before = state(model)
    weights = {"A": 2 * one[:, 0], "B": one[:, 0]}
    found = find_learning_rate(model, x, y, sample_weight=weights, batch_size=8, **SWEEP)
    assert found.losses[0] == pytest.approx(2 * 1 + 10 * 4)
    assert state(model) == before
    model = classifier(opt.SGD(0.1))
    x, y = flowers(160)
    plain, weighted = (
        find_learning_rate(model, x, y, class_weight=weight, batch_size=8, shuffle=False, **SWEEP).losses[0]
        for weight in (None, {0: 3.0, 1: 3.0, 2: 3.0})
    )
    assert weighted == pytest.approx(3 * plain, rel=1e-5)


def test_mixed_precision():
    """A model in float16 is swept and left as it was, its loss scale too."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = classifier(opt.Adam(0.01))
    finally:
        keras.config.set_dtype_policy("float32")
    assert hasattr(model.optimizer, "inner_optimizer")
    fit(model)
    before = state(model)
    found = find_learning_rate(model, *flowers(160), batch_size=8, **SWEEP)
    assert len(found.losses) == 20 and np.isfinite(found.losses).all()
    assert state(model) == before


def own_step(model_class=keras.Sequential):
    """A model with a training step of its own, which keeps its loss in a metric of its own, a running mean."""

    class Own(model_class):
        def __init__(self, *args):
            super().__init__(*args)
            self.own_loss = keras.metrics.Mean(name="loss")

        @property
        def metrics(self):
            return [self.own_loss]

        if NAME == "tensorflow":

            def train_step(self, data):
                import tensorflow as tf

                x, _ = data
                with tf.GradientTape() as tape:
                    loss = keras.ops.mean(self(x, training=True))
                self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
                self.own_loss.update_state(loss)
                return {"loss": self.own_loss.result()}

        elif NAME == "torch":

            def train_step(self, data):
                import torch

                x, _ = data
                self.zero_grad()
                loss = keras.ops.mean(self(x, training=True))
                loss.backward()
                with torch.no_grad():
                    self.optimizer.apply([v.value.grad for v in self.trainable_variables], self.trainable_variables)
                self.own_loss.update_state(loss)
                return {"loss": self.own_loss.result()}

        else:

            def train_step(self, state, data):
                import jax

                trainable, other, optimizer, metrics = state
                x, _ = data

                def compute(trainable):
                    p, new = self.stateless_call(trainable, other, x, training=True)
                    return keras.ops.mean(p), new

                (loss, other), grads = jax.value_and_grad(compute, has_aux=True)(trainable)
                trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
                metrics = self.own_loss.stateless_update_state(metrics, loss)
                logs = {"loss": self.own_loss.stateless_result(metrics)}
                return logs, (trainable, other, optimizer, metrics)

    return Own


def test_a_training_step_of_ones_own():
    """A `train_step` that keeps its own running mean of the loss gives the loss of each batch, too."""
    layer = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = own_step()([keras.Input([1]), layer])
    model.compile(opt.SGD(0.5), loss="mse")
    before = state(model)
    losses = find_learning_rate(model, *ones(64), batch_size=1, **SWEEP).losses
    np.testing.assert_allclose(-np.diff(losses), RATES[:-1], rtol=1e-4)
    assert state(model) == before


def test_a_training_step_without_a_loss_is_refused():
    """Where nothing is called `loss`, it says so."""
    model = rate_meter(opt.SGD(0.5))
    step = model.train_step

    def nameless(*batch):
        out = step(*batch)
        return ({"own": out[0]["loss"]}, out[1]) if NAME == "jax" else {"own": out["loss"]}

    model.train_step = nameless
    before = state(model)
    with pytest.raises(ValueError, match="returns no `loss`"):
        find_learning_rate(model, *ones(64), batch_size=1, **SWEEP)
    assert state(model) == before


@pytest.mark.parametrize(
    "optimizer", [lambda: opt.SGD(0.5), lambda: opt.SGD(klr.Constant(0.5))], ids=["number", "schedule"]
)
def test_another_hyperparameter(optimizer):
    """Weight decay is swept in the place of the rate, which stays what it is."""
    # The gradient is 0: the weight changes by its decay alone, and the loss is the weight.
    model = keras.Sequential([keras.Input([1]), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer(), loss=lambda y, p: keras.ops.mean(keras.ops.stop_gradient(p)) + 0 * keras.ops.mean(p))
    before = state(model)
    found = find_learning_rate(model, *ones(64), hyperparameter="weight_decay", batch_size=1, **SWEEP)
    assert state(model) == before and found.hyperparameter == "weight_decay"
    np.testing.assert_allclose(found.losses[1:] / found.losses[:-1], 1 - 0.5 * RATES[:-1], rtol=1e-4)
    assert found.suggestions.minimum is None


@pytest.mark.slow
def test_momentum():
    """Momentum can be swept where the optimizer has one, and is what it was."""
    model = classifier(opt.SGD(0.1, momentum=0.9))
    fit(model)
    before = state(model)
    options = {**SWEEP, "hyperparameter": "momentum", "minimum": 0.5, "maximum": 0.99}
    assert len(find_learning_rate(model, *flowers(), batch_size=8, **options).losses) == 20
    assert state(model) == before


def test_repeats_see_other_batches():
    """Several sweeps give several curves, from the same weights and with other batches; the mean is the loss."""
    first, second = (
        find_learning_rate(classifier(opt.SGD(0.1)), *flowers(160), batch_size=8, repeats=2, **SWEEP) for _ in range(2)
    )
    assert first.runs.shape == (2, 20) and abs(first.runs[0] - first.runs[1]).min() > 0
    np.testing.assert_allclose(first.losses, first.runs.mean(axis=0))
    np.testing.assert_array_equal(first.runs, second.runs)


def test_the_progress_bar(capsys):
    """It shows how far it is, at which rate and loss, unless told to be quiet."""
    model = rate_meter(opt.SGD(0.5))
    find_learning_rate(model, *ones(64), batch_size=1, **SWEEP)
    assert capsys.readouterr().out == ""
    find_learning_rate(model, *ones(64), batch_size=1, **(SWEEP | {"verbose": "auto"}))
    shown = capsys.readouterr().out
    assert "20/20" in shown and "learning_rate: 1.0000" in shown and "loss:" in shown


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"batch_size": 0}, "Argument `batch_size` of `find_learning_rate` must be an integer > 0"),
        ({"minimum": 0.0}, "Argument `minimum` of `find_learning_rate` must be a number > 0"),
        ({"maximum": "much"}, "Argument `maximum` of `find_learning_rate` must be a number > 0"),
        ({"maximum": 1e-4}, "Argument `maximum` of `find_learning_rate` must be more than `minimum`, 0.001"),
        ({"steps": 1}, "Argument `steps` of `find_learning_rate` must be an integer > 1"),
        ({"repeats": 0}, "Argument `repeats` of `find_learning_rate` must be an integer > 0"),
        ({"hyperparameter": "rho"}, "Argument `hyperparameter` of `find_learning_rate` must be one that the optimizer"),
        ({"hyperparameter": "momentum"}, "Argument `maximum` of `find_learning_rate` must be a number > 0 and < 1"),
        (
            {"hyperparameter": "weight_decay", "maximum": None},
            "Argument `maximum` of `find_learning_rate` must be given for `weight_decay`, a number > 0",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_arguments_are_refused(wrong, said):
    """What can't work is refused before anything happens."""
    with pytest.raises((ValueError, TypeError), match=said):
        find_learning_rate(rate_meter(opt.SGD(0.5, momentum=0.9)), *ones(), **(SWEEP | wrong))


def test_a_model_that_is_not_compiled_is_refused():
    """There is nothing to train with."""
    with pytest.raises(
        TypeError, match="Argument `model` of `find_learning_rate` must be a model compiled with an optimizer"
    ):
        find_learning_rate(keras.Sequential([keras.Input([1]), layers.Dense(1)]), *ones())


def test_the_default_batch_size():
    """Without a batch size, batches are those of `fit`: 32 examples, or by `steps_per_epoch`."""
    sizes = set()

    class Model(keras.Sequential):
        def train_step(self, *args):
            sizes.add(len(keras.tree.flatten(args[-1])[0]))
            return super().train_step(*args)

    model = Model([keras.Input([1]), layers.Dense(1)])
    model.compile(opt.SGD(0.01), loss="mse", run_eagerly=True)
    x = np.ones([400, 1], "float32")
    find_learning_rate(model, x, x, steps=12, verbose=0)
    assert sizes == {32}
    for steps, size in ((None, 32), (5, 64)):
        sizes.clear()
        klr.tune_learning_rate(
            model, x, x, epochs=10, steps_per_epoch=steps, validation_split=0.2, schedule=klr.warmup_cosine, verbose=0
        )
        assert sizes == {size}


@pytest.mark.tensorflow
def test_data_of_unknown_length():
    """The end of such data is no step, though Keras begins one; and data without a batch is named as the cause."""
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(flowers(20)).batch(4)
    losses = [find_learning_rate(noisy(), one, **SWEEP).losses for one in (data, data.filter(lambda x, y: True))]
    np.testing.assert_array_equal(*losses)
    for x in (data.take(0), flowers(20)[0][:0]):
        with pytest.raises(ValueError, match="`x` of `find_learning_rate` must be data with at least one batch"):
            find_learning_rate(noisy(), x, x[:, 0] if isinstance(x, np.ndarray) else None, **SWEEP)
