"""The momentum that follows the gradients: its rule, its effect, its state."""

import contextlib
import json

import keras
import numpy as np
import pytest
from models import classifier, flowers
from test_plateau_every import told
from test_resume import assert_same

import keras_lr as klr

RULE = klr.AdaptiveMomentum()
OPTIMIZERS = {
    "SGD": lambda **o: keras.optimizers.SGD(0.05, **o),
    "nesterov": lambda **o: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, **o),
    "Adam": lambda **o: keras.optimizers.Adam(0.01, **o),
    "AdamW": lambda **o: keras.optimizers.AdamW(0.01, **o),
    "LossScaleOptimizer": lambda **o: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05, **o)),
}


def name_of(optimizer):
    return "beta_1" if isinstance(optimizer, keras.optimizers.Adam) else "momentum"


class Values(keras.callbacks.Callback):
    """Records the momentum after each batch."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self.values.append(float(getattr(optimizer, name_of(optimizer))))


class Reference:
    """The rule in numpy, in float64, from the formula of the docstring."""

    def __init__(self, start=0.0, usual=0.9, peak=0.99):
        self.least, self.usual, self.most = (1 / (1 - m) for m in (start, usual, peak))
        self.memory, self.o = self.least, 0.0

    def momentum(self, along, square):
        self.o = 0.4 * self.o + 0.6 * np.clip(along / square, -5, 5)
        if self.o > 1.5:
            self.memory, self.o = max(self.memory / 2, self.least), 0.0
            return 0.0
        most = self.most if self.o < -3 else self.usual
        self.memory = max(self.memory, min(max(self.memory + 0.08, 1.04 * self.memory), most))
        return 1 - 1 / self.memory


def valley(optimizer, curvature, **options):
    """A model whose loss is a quadratic of its weights, which are 1 at first."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input([len(curvature)]), dense])
    h = np.array(curvature, "float32")[:, None]

    def loss(y, p):
        return keras.ops.mean(0.0 * p) + 0.5 * keras.ops.sum(
            keras.ops.square(dense.kernel) * keras.ops.convert_to_tensor(h)
        )

    model.compile(optimizer=optimizer, loss=loss, **options)
    return model, h[:, 0].astype("float64")


def descend(model, curvature, updates, callbacks=()):
    x = np.ones([updates, len(curvature)], "float32")
    model.fit(x, x[:, :1], batch_size=1, shuffle=False, callbacks=[*callbacks], verbose=0)
    return model.get_weights()[0][:, 0]


def test_it_is_the_formula():
    """Each momentum of a compiled fit is that of the formula, through growth, agreement and overshoots."""
    optimizer = klr.scheduled(keras.optimizers.SGD(1.0), momentum=klr.AdaptiveMomentum(0.1, 0.8, 0.97))
    model, h = valley(optimizer, np.linspace(0.005, 1, 5))
    values = Values()
    descend(model, h, 150, [values])
    reference, w, v, expected = Reference(0.1, 0.8, 0.97), np.ones(5), np.zeros(5), []
    for _ in range(150):
        gradient = h * w
        expected.append(reference.momentum(gradient @ v, gradient @ gradient))
        v = expected[-1] * v - gradient
        w = w + v
    assert 0.0 in expected and max(expected) > 0.8
    np.testing.assert_allclose(values.values, expected, atol=1e-5)


def test_beta_1_is_the_formula():
    """In Adam it is minus the first moment, in the metric of the steps."""
    optimizer = klr.scheduled(keras.optimizers.Adam(0.1, epsilon=1e-7), beta_1=RULE)
    model, h = valley(optimizer, [0.05, 0.3, 1.0])
    values = Values()
    descend(model, h, 60, [values])
    reference, w, m, s, beta, product, expected = Reference(), np.ones(3), np.zeros(3), np.zeros(3), 0.0, 1.0, []
    for t in range(60):
        gradient = h * w
        weight = 1 / (np.sqrt(s) + 1e-7)
        beta = reference.momentum(-(weight * gradient) @ m / (1 - beta), (weight * gradient) @ gradient)
        expected.append(beta)
        product *= beta
        m, s = beta * m + (1 - beta) * gradient, 0.999 * s + 0.001 * gradient**2
        w = w - 0.1 * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - product) * m / (np.sqrt(s) + 1e-7)
    assert 0.0 in expected
    np.testing.assert_allclose(values.values, expected, atol=1e-5)


@pytest.mark.parametrize(("condition", "share"), [(10, 1.3), (100, 0.6), (1000, 0.6)])
def test_it_needs_fewer_steps(condition, share):
    """On quadratics it is as far as the best of the fixed momentums in fewer steps."""
    curvature = np.linspace(1 / condition, 1, 20)
    best = {10: 20, 100: 126, 1000: 217}[condition]  # of 0, 0.5, 0.9 and 0.99

    def loss_after(updates, momentum):
        model, h = valley(klr.scheduled(keras.optimizers.SGD(1.0), momentum=momentum), curvature)
        return 0.5 * (h * descend(model, h, updates) ** 2).sum() / (0.5 * h.sum())

    fixed = {10: 0.5, 100: 0.9, 1000: 0.9}[condition]
    assert 1e-8 < loss_after(best, fixed) <= 1.1e-6
    assert loss_after(int(best * share), RULE) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("way", ["model.keras", "optimizer.weights.h5"])
def test_it_goes_on(name, way, tmp_path):
    """Saved in the middle and loaded, also as weights, it ends with the weights of the whole run, bit for bit."""

    def make():
        return classifier(OPTIMIZERS[name]())

    def train(model, epochs, callbacks=()):
        model.fit(*flowers(), batch_size=4, shuffle=False, epochs=epochs, callbacks=[*callbacks], verbose=0)

    whole, part = make(), make()
    values = Values()
    train(whole, 4, [klr.AdaptiveMomentumRamp(), values])
    train(part, 2, [klr.AdaptiveMomentumRamp()])
    if way == "model.keras":
        part.save(tmp_path / way)
        loaded = keras.saving.load_model(tmp_path / way)
        train(loaded, 2)  # the callback is not needed any more
    else:
        part.save_weights(tmp_path / way)
        loaded = make()
        ramp = klr.AdaptiveMomentumRamp()
        ramp.set_model(loaded)
        loaded.load_weights(tmp_path / way)
        train(loaded, 2, [ramp])
    assert len(set(values.values)) > 20
    assert_same(whole, loaded)


def windows(means):
    """Data for `told`: 40 batches for each mean, in which the loss goes up and down."""
    values = (np.repeat(means, 40) + np.tile([-0.5, 0.5], 20 * len(means))).astype("float32")[:, None]
    return np.ones_like(values), values


@pytest.mark.parametrize("saved", [False, True])
def test_the_loss_steers_it(saved, tmp_path):
    """A window with a lower loss doubles what it rises to, one with a higher loss quarters it, also after a restart."""
    epochs, values = ([3.0, 2.0, 1.0], [2.0, 1.5, 1.5]), Values()
    model = told(keras.optimizers.SGD(0.0))  # without a rate there is nothing that gradients say
    loss = model.loss
    for epoch, means in enumerate(epochs):
        keywords = {"batch_size": 1, "shuffle": False, "initial_epoch": epoch, "epochs": epoch + 1, "verbose": 0}
        model.fit(*windows(means), callbacks=[klr.AdaptiveMomentumRamp(), values], **keywords)
        if saved:
            model.compile(optimizer=model.optimizer, loss="mse")
            model.save(tmp_path / "model.keras")
            model = keras.saving.load_model(tmp_path / "model.keras")
            model.compile(optimizer=model.optimizer, loss=loss)
    memory, expected = 1.0, []
    for usual in (2, 2, 4, 8, 2, 4):
        memory = min(memory, usual)
        for _ in range(40):
            memory = min(max(memory + 0.08, 1.04 * memory), usual)
            expected.append(1 - 1 / memory)
    np.testing.assert_allclose(values.values, expected, atol=1e-5)


def test_another_run():
    """With `restart` each fit begins anew, with the loss and without; a damaged state does so with a warning."""
    model, runs = told(keras.optimizers.SGD(0.0)), []

    def train(warning=None, **options):
        values = Values()
        with contextlib.nullcontext() if warning is None else warning:
            callbacks = [klr.AdaptiveMomentumRamp(**options), values]
            model.fit(*windows([2.0, 1.0]), batch_size=1, shuffle=False, callbacks=callbacks, verbose=0)
        runs.append(values.values)

    train()
    train(restart=True)
    train()
    assert runs[0] == runs[1] and runs[2][0] > runs[0][0]
    variables, saved = model.optimizer._managed.variables, model.optimizer._managed.callback_state
    for damage in (
        lambda: variables["momentum_memory"].assign(np.nan),
        lambda: variables["momentum_usual"].assign(1e30),
        lambda: saved.update({"ramp.loss": np.array([1.0, 2.0])}),
    ):
        damage()
        train(pytest.warns(UserWarning, match="`AdaptiveMomentumRamp`: The saved state is dropped"))
        assert runs[-1] == runs[0]
    klr.resume_at(model, epoch=0, steps_per_epoch=1)
    train(pytest.warns(UserWarning, match=r"the optimizer has counted no step.*AdaptiveMomentumRamp\(restart=True\)"))


@pytest.mark.parametrize("make", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_what_the_loss_does_not_steer(make):
    """Epochs too short for a mean, and a beta_1, have the rule alone."""
    model, values = told(make(0.0)), Values()
    short = make is keras.optimizers.SGD
    x, y = windows([1.0, 2.0, 3.0])
    data = (x[:39], y[:39]) if short else (x, y)
    callbacks = [klr.AdaptiveMomentumRamp(), values]
    model.fit(*data, batch_size=1, epochs=3 if short else 1, shuffle=False, callbacks=callbacks, verbose=0)
    assert values.values == sorted(values.values)
    assert values.values[-1] == pytest.approx(0.9 if short else 0.99)  # gradients that agree, of Adam


@pytest.mark.parametrize("options", [{"steps_per_execution": 4}, {"jit_compile": True}, {"run_eagerly": True}], ids=str)
def test_every_way_to_train(options):
    """It is the same in the compiled step, in several steps at once, and eagerly."""
    if "run_eagerly" not in options and keras.backend.backend() == "torch":
        pytest.skip("Keras has one way to train on torch")
    results = []
    for more in ({}, options):
        model = classifier(keras.optimizers.SGD(0.05), **more)
        model.fit(*flowers(), batch_size=4, shuffle=False, callbacks=[klr.AdaptiveMomentumRamp()], verbose=0)
        results.append([float(model.optimizer.momentum), *map(np.sum, model.get_weights())])
    assert results[0][0] > 0.3
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_it_counts_updates(make):
    """Under gradient accumulation it takes a step per update, with the gradient of the update."""
    ends = []
    for batches in (1, 4):
        optimizer = make(0.05, gradient_accumulation_steps=batches if batches > 1 else None)
        model = classifier(optimizer)
        ramp = klr.AdaptiveMomentumRamp()
        model.fit(*flowers(), batch_size=16 // batches, shuffle=False, epochs=4, callbacks=[ramp], verbose=0)
        ends.append([float(getattr(model.optimizer, name_of(optimizer))), *map(np.sum, model.get_weights())])
    assert ends[0][0] > 0.4
    np.testing.assert_allclose(*ends, rtol=1e-3, atol=1e-4)


def test_an_embedding():
    """Gradients of some rows only are those of the whole table."""
    embedding = keras.layers.Embedding(5, 3)
    model = keras.Sequential(
        [keras.Input([2], dtype="int32"), embedding, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    x = np.array([[0, 1], [1, 1], [2, 3], [3, 0]], "int32")
    model.fit(x, np.ones([4]), batch_size=2, epochs=5, callbacks=[klr.AdaptiveMomentumRamp()], verbose=0)
    assert 0.3 < float(model.optimizer.momentum) < 0.5


@pytest.mark.tensorflow
def test_a_strategy():
    """Under a strategy of TensorFlow it is the same."""
    import tensorflow as tf

    ends = []
    for scope in (contextlib.nullcontext(), tf.distribute.MirroredStrategy(["CPU:0"]).scope()):
        with scope:
            model = classifier(klr.scheduled(keras.optimizers.SGD(0.05), momentum=RULE))
        model.fit(*flowers(), batch_size=8, shuffle=False, epochs=2, verbose=0)
        ends.append([float(model.optimizer.momentum.value.numpy()), *map(np.sum, model.get_weights())])
    assert ends[0][0] > 0.3
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)


def test_the_monitor_shows_it():
    """Monitor finds the momentum that was applied."""
    model = classifier(keras.optimizers.SGD(0.05))
    values = Values()
    callbacks = [klr.AdaptiveMomentumRamp(), klr.Monitor(), values]
    history = model.fit(*flowers(), batch_size=4, epochs=2, callbacks=callbacks, verbose=0).history
    assert history["momentum"] == pytest.approx([values.values[15], values.values[31]])


def test_the_config():
    """It is data: a config of plain JSON, equal by value, read back without custom objects."""
    rule = klr.AdaptiveMomentum(0.5, usual=0.8, peak=0.95)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(rule))))
    assert again == rule != RULE and hash(again) == hash(rule) and eval(repr(rule), vars(klr)) == rule
    optimizer = klr.scheduled(keras.optimizers.SGD(0.1), momentum=rule)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    assert keras.saving.deserialize_keras_object(config)._managed.rules == {"momentum": rule}
    with pytest.raises(TypeError, match="`momentum` of `sgd` follows a schedule or a rule"):
        optimizer.momentum = 0.9
    klr.scheduled(optimizer, momentum=0.9)
    assert optimizer._managed.rules == {} and float(optimizer.momentum) == np.float32(0.9)


@pytest.mark.parametrize("make", [klr.AdaptiveMomentum, klr.AdaptiveMomentumRamp])
@pytest.mark.parametrize(
    "bad",
    [{"start": -0.1}, {"peak": 1.0}, {"usual": float("nan")}, {"start": "0"}, {"usual": 0.995}, {"start": 0.95}],
    ids=str,
)
def test_what_is_refused(make, bad):
    """A momentum is >= 0 and < 1, and the three are in order."""
    with pytest.raises((TypeError, ValueError), match=f"of `{make.__name__}` must be a number >= "):
        make(**bad)


def test_what_the_optimizer_must_be():
    """Another optimizer, another hyperparameter or a built optimizer without slots is refused before the first step."""
    fit = lambda model, *callbacks: model.fit(*flowers(), callbacks=[*callbacks], verbose=0)  # noqa: E731
    with pytest.raises(ValueError, match=r"`hyperparameter` of `AdaptiveMomentumRamp` must be what an SGD .* `Lion`"):
        fit(classifier(keras.optimizers.Lion(0.1)), klr.AdaptiveMomentumRamp())
    with pytest.raises(ValueError, match="must be what an SGD"):
        fit(classifier(keras.optimizers.Adam(0.1)), klr.AdaptiveMomentumRamp(hyperparameter="momentum"))
    with pytest.raises(ValueError, match='must be "auto", "momentum" or "beta_1"'):
        klr.AdaptiveMomentumRamp(hyperparameter="rho")
    with pytest.raises(ValueError, match=r"`beta_2` of `scheduled` must be a schedule or a number.* `Adam`"):
        klr.scheduled(keras.optimizers.Adam(0.1), beta_2=RULE)
    with pytest.raises(ValueError, match=r"`momentum` of `scheduled` must be a schedule or a number.* `RMSprop`"):
        klr.scheduled(keras.optimizers.RMSprop(0.1, momentum=0.9), momentum=RULE)
    model = classifier(keras.optimizers.SGD(0.1))
    fit(model)
    with pytest.raises(
        ValueError,
        match="`AdaptiveMomentumRamp` can't change the momentum of an optimizer that was built with a momentum of 0",
    ):
        fit(model, klr.AdaptiveMomentumRamp())
    ramp = klr.Linear(0.5, 0.9, steps=10)
    with pytest.raises(ValueError, match=r"`AdaptiveMomentumRamp` can't set `momentum`, .* follows a schedule"):
        fit(classifier(klr.scheduled(keras.optimizers.SGD(0.1), momentum=ramp)), klr.AdaptiveMomentumRamp())


@pytest.mark.parametrize("ramp_first", [True, False])
def test_one_writer(ramp_first):
    """A second callback that sets the momentum is refused, whichever comes first."""
    callbacks = [klr.AdaptiveMomentumRamp(), klr.EpochSchedule(klr.Linear(0.5, 0.9, steps=3), "momentum")]
    model = classifier(keras.optimizers.SGD(0.1, momentum=0.9))
    with pytest.raises(ValueError, match=r"both set `momentum`|because it follows a schedule"):
        model.fit(*flowers(), callbacks=callbacks if ramp_first else callbacks[::-1], verbose=0)


def test_ramps_end_below_one():
    """A momentum of 1 would never forget."""
    for make, name in ((klr.SutskeverMomentum, "peak"), (klr.Demon, "start")):
        with pytest.raises(ValueError, match=rf"`{name}` of `{make.__name__}` must be a number >= 0 and < 1"):
            make(1.0, steps=10)
