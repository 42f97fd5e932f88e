"""Hyperparameters by schedule or assignment: the effect on weights, through a compiled `fit`."""

import inspect
import json

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import classifier, flowers

import keras_lr as klr


def tolerance(hyper):
    """Of weights near 1: XLA rounds otherwise, and 1 - float32(0.999) is not the float64 one."""
    return 1e-5 if hyper == "beta_2" else 3e-6 if NAME == "jax" else 2e-6


def make(name):
    return {
        "SGD": lambda: opt.SGD(0.1, momentum=0.9),
        "SGD, Nesterov, clipped": lambda: opt.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5, weight_decay=0.01),
        "RMSprop": lambda: opt.RMSprop(0.01, momentum=0.5),
        "Adadelta": lambda: opt.Adadelta(1.0),
        "Adagrad": lambda: opt.Adagrad(0.1),
        "Adam": lambda: opt.Adam(0.01),
        "AdamW": lambda: opt.AdamW(0.01, weight_decay=0.1),
        "Nadam": lambda: opt.Nadam(0.01),
        "Adamax": lambda: opt.Adamax(0.01),
        "Lamb": lambda: opt.Lamb(0.01),
        "Lion": lambda: opt.Lion(0.01, weight_decay=0.1),
        "Muon": lambda: opt.Muon(0.01),
        "ScheduleFreeAdamW": lambda: opt.ScheduleFreeAdamW(0.01),
        "AdamW, averaging": lambda: opt.AdamW(0.01, use_ema=True),
        "SGD, accumulating": lambda: opt.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    }[name]()


PAIRS = [
    ("SGD", "momentum"),
    ("SGD, Nesterov, clipped", "momentum"),
    ("SGD, Nesterov, clipped", "weight_decay"),
    ("SGD, Nesterov, clipped", "clipnorm"),
    ("SGD, accumulating", "momentum"),
    ("RMSprop", "rho"),
    ("RMSprop", "momentum"),
    ("Adadelta", "rho"),
    ("Adagrad", "epsilon"),
    ("Adam", "beta_1"),
    ("Adam", "beta_2"),
    ("AdamW", "weight_decay"),
    ("AdamW, averaging", "ema_momentum"),
    ("Nadam", "beta_1"),
    ("Adamax", "beta_1"),
    ("Lamb", "beta_1"),
    ("Lion", "beta_1"),
    ("Lion", "weight_decay"),
    ("Muon", "momentum"),
    ("ScheduleFreeAdamW", "beta_2"),
]
if NAME == "tensorflow":  # where plain ScheduleFreeAdamW, compiled, is not what it is eagerly (Keras 3.15.1)
    PAIRS.remove(("ScheduleFreeAdamW", "beta_2"))
if tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 13):  # whose Muon can't be loaded
    PAIRS.remove(("Muon", "momentum"))
PAIRS = [(name, hyper) for name, hyper in PAIRS if hasattr(opt, name.split(",")[0])]
every_pair = pytest.mark.parametrize(("name", "hyper"), PAIRS, ids=[f"{n}-{h}" for n, h in PAIRS])
RAMP = klr.Linear(0.3, 0.9, steps=20)


def train(model, epochs=2, callbacks=(), initial_epoch=0):
    keywords = {"batch_size": 4, "shuffle": False, "verbose": 0, "epochs": epochs, "initial_epoch": initial_epoch}
    model.fit(*flowers(), callbacks=[*callbacks], **keywords)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


class SetAttribute(keras.callbacks.Callback):
    """The eager reference: sets the attribute of a plain optimizer before each batch."""

    def __init__(self, hyper, schedule):
        super().__init__()
        self.hyper, self.schedule = hyper, schedule

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        t = int(optimizer.iterations)
        setattr(optimizer, self.hyper, float(np.float32(self.schedule.values([t])[0])))


def reference(name, hyper, schedule=RAMP, epochs=2, **options):
    model = classifier(make(name), run_eagerly=True, **options)
    train(model, epochs, callbacks=[SetAttribute(hyper, schedule)])
    return weights(model)


@every_pair
def test_a_schedule_has_its_effect(name, hyper):
    """A scheduled hyperparameter leads to the weights of an eager run that sets the attribute at each step."""
    options = {"hidden": False}  # the fewer weights, the shorter the compilation
    model = classifier(klr.scheduled(make(name), correct_bias=False, **{hyper: RAMP}), **options)
    train(model, epochs=1)
    expected = reference(name, hyper, epochs=1, **options)
    np.testing.assert_allclose(weights(model), expected, rtol=0, atol=tolerance(hyper))
    plain = classifier(make(name), **options)
    train(plain, epochs=1)
    assert np.abs(weights(model) - weights(plain)).max() > 1e-4 or hyper == "epsilon"


class Assign(keras.callbacks.Callback):
    """Assigns a hyperparameter at the start of an epoch."""

    def __init__(self, hyper, values):
        super().__init__()
        self.hyper, self.values = hyper, values

    def on_epoch_begin(self, epoch, logs=None):
        setattr(self.model.optimizer, self.hyper, self.values[epoch])


@pytest.mark.slow
@every_pair
def test_an_assignment_has_its_effect(name, hyper):
    """A hyperparameter that is a variable takes effect when it is assigned in the middle of `fit`."""
    updates = 8 if "accumulating" in name else 16
    model = classifier(klr.scheduled(make(name), correct_bias=False, **{hyper: True}))
    train(model, callbacks=[Assign(hyper, [0.3, 0.6])])
    expected = reference(name, hyper, klr.Intervals([updates], [0.3, 0.6]))
    np.testing.assert_allclose(weights(model), expected, rtol=0, atol=tolerance(hyper))


@pytest.mark.slow
@every_pair
def test_saved_and_gone_on_with(name, hyper, tmp_path):
    """Saved, loaded without `custom_objects` and gone on with: the uninterrupted run, bit for bit."""

    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.save(tmp_path / "model.keras")

    whole = classifier(klr.scheduled(make(name), **{hyper: RAMP}))
    train(whole, callbacks=[Save()])
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    json.dumps(loaded.optimizer.get_config())
    assert type(loaded.optimizer) is type(whole.optimizer)
    train(loaded, initial_epoch=1)
    np.testing.assert_array_equal(weights(whole), weights(loaded))
    for a, b in zip(whole.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


@pytest.mark.slow
@every_pair
def test_constant_is_plain(name, hyper):
    """An optimizer taken in hand and left alone trains as the plain one does."""
    model, plain = classifier(klr.scheduled(make(name), **{hyper: True})), classifier(make(name))
    train(model)
    train(plain)
    np.testing.assert_allclose(weights(model), weights(plain), rtol=0, atol=tolerance(hyper))


def test_it_stays_the_same_optimizer():
    """The object, `isinstance` and attribute access are what they were."""
    optimizer = opt.SGD(0.1, momentum=0.9)
    again = klr.scheduled(optimizer, momentum=True)
    assert again is optimizer and isinstance(again, opt.SGD) and again.nesterov is False
    assert float(optimizer.momentum) == np.float32(0.9)
    assert klr.scheduled(optimizer, momentum=True) is optimizer
    assert len(optimizer.variables) == 3  # iterations, learning rate and momentum
    optimizer.momentum = 0.5
    klr.scheduled(optimizer, momentum=RAMP)
    with pytest.raises(TypeError, match=r"`momentum` of .* follows a schedule.*scheduled\(optimizer, momentum=...\)"):
        optimizer.momentum = 0.5
    klr.scheduled(optimizer, momentum=0.25)
    assert float(optimizer.momentum) == 0.25


def test_the_value_in_force():
    """After a step the attribute is the number that the step used."""
    model = classifier(klr.scheduled(opt.SGD(0.1, momentum=0.9), momentum=RAMP))
    train(model, epochs=1)
    np.testing.assert_allclose(float(model.optimizer.momentum), RAMP.values([15])[0], rtol=1e-6)


def test_a_trained_model():
    """Given a model that was trained, its compiled step follows the schedule from then on, moments kept."""
    model, reference_model = classifier(opt.SGD(0.1, momentum=0.9)), classifier(opt.SGD(0.1, momentum=0.9))
    for one in (model, reference_model):
        train(one, epochs=1)
    klr.scheduled(model, momentum=klr.Intervals([16], [0.9, 0.25]))
    reference_model.optimizer.momentum = 0.25
    reference_model.compile(optimizer=reference_model.optimizer, loss=reference_model.loss, run_eagerly=True)
    for one in (model, reference_model):
        train(one, epochs=1)
    np.testing.assert_allclose(weights(model), weights(reference_model), rtol=0, atol=3e-6)


def test_built_with_a_schedule_from_no_momentum():
    """An optimizer without momentum can be given a schedule before it is built, also one that starts at 0."""
    model = classifier(klr.scheduled(opt.SGD(0.1), momentum=klr.Linear(0.0, 0.9, steps=16)))
    train(model)
    assert len(model.optimizer.momentums) == 4
    np.testing.assert_allclose(float(model.optimizer.momentum), 0.9, rtol=1e-6)


def test_refusals_change_nothing():
    """What can't work is refused by name, rule and value, and the optimizer is as before."""
    built = opt.SGD(0.1)
    built.build([keras.Variable(np.ones(3))])
    for optimizer, arguments, message in (
        (opt.SGD(0.1), {"beta_1": 0.5}, "`beta_1` of `scheduled` must be a hyperparameter of `SGD`: .*momentum"),
        (klr.scheduled(opt.SGD(0.1)), {"rho": 0.5}, "`rho` of `scheduled` must be a hyperparameter of `SGD`"),
        (opt.SGD(0.1), {"clipvalue": 0.5}, "`clipvalue` of `scheduled` must be a hyperparameter of `SGD`"),
        (
            opt.SGD(0.1),
            {"momentum": 1.0},
            "`momentum` of `scheduled` must be a schedule, a rule or a finite number >= 0 and < 1",
        ),
        (opt.SGD(0.1), {"momentum": "x"}, "`momentum` of `scheduled`"),
        (opt.SGD(0.1), {"weight_decay": -1.0}, "`weight_decay` of `scheduled`"),
        (
            opt.Adam(0.1),
            {"beta_1": klr.Linear(0.9, 1.0, steps=10)},
            "`beta_1` of `scheduled` must be a schedule of values",
        ),
        (
            built,
            {"momentum": 0.5},
            "`scheduled` can't change the momentum of an optimizer that was built with a momentum of 0",
        ),
        (opt.SGD(0.1), {"weight_decay": 0.1, "rho": 0.5}, "`rho` of `scheduled`"),
    ):
        before = type(optimizer)
        with pytest.raises((TypeError, ValueError), match=message):
            klr.scheduled(optimizer, **arguments)
        assert type(optimizer) is before


def test_a_plain_checkpoint_loads(tmp_path):
    """A weights file of the plain optimizer brings iterations and moments into the scheduled one."""
    plain = classifier(opt.Adam(0.01))
    train(plain, epochs=1)
    plain.save_weights(tmp_path / "model.weights.h5")
    model = classifier(klr.scheduled(opt.Adam(0.01), beta_1=True))
    model.optimizer.build(model.trainable_variables)
    model.load_weights(tmp_path / "model.weights.h5")
    train(plain, epochs=1)
    train(model, epochs=1)
    np.testing.assert_allclose(weights(model), weights(plain), rtol=0, atol=2e-6)
    assert int(model.optimizer.iterations) == 32


SAVED = {
    "model.keras": lambda model, path: model.save(path),
    "model.weights.h5": lambda model, path: model.save_weights(path),
    "model.weights.json": lambda model, path: model.save_weights(path, max_shard_size=1e-6),
}


@pytest.mark.parametrize("name", SAVED)
def test_the_plain_optimizer_loads_its_file(name, tmp_path):
    """A file of the scheduled optimizer, also one in parts, brings all into the plain one, without a warning."""
    if "max_shard_size" not in inspect.signature(keras.Model.save_weights).parameters and name.endswith("json"):
        pytest.skip("this Keras does not split files")
    model = classifier(klr.scheduled(opt.Adam(klr.Constant(0.01)), beta_1=True))
    model.fit(*flowers(), batch_size=4, callbacks=[klr.PlateauReducer("loss")], verbose=0)  # it keeps notes
    SAVED[name](model, str(tmp_path / name))
    plain = classifier(opt.Adam(klr.Constant(0.01)))
    plain.optimizer.build(plain.trainable_variables)
    again = classifier(klr.scheduled(opt.Adam(klr.Constant(0.01)), beta_1=True))
    again.optimizer.build(again.trainable_variables)
    for other in (plain, again):
        other.load_weights(str(tmp_path / name))
        assert int(other.optimizer.iterations) == 16
        both = [one.optimizer.variables[: len(plain.optimizer.variables)] for one in (other, model)]
        for a, b in zip(*both, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))
    assert float(again.optimizer._managed.variables["beta_1_product"].value) == pytest.approx(0.9**16, rel=1e-5)
    train(model, epochs=1)
    train(plain, epochs=1)
    np.testing.assert_allclose(weights(plain), weights(model), rtol=0, atol=2e-6)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 4}], ids=str)
def test_ways_to_run(options):
    """Eager, jit-compiled and several steps at a time, the weights are the same."""
    if NAME == "torch" and "steps_per_execution" in options:
        pytest.skip("Keras takes one step at a time on torch")
    optimizer = klr.scheduled(opt.SGD(0.1, momentum=0.9), momentum=RAMP)
    model = classifier(optimizer, hidden=False, **options)  # torch compiles for half a minute with a hidden layer
    train(model)
    np.testing.assert_allclose(weights(model), reference("SGD", "momentum", hidden=False), rtol=0, atol=3e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_goes_on(policy, tmp_path):
    """Under mixed precision the hyperparameter is float32, follows its schedule and survives saving."""
    keras.config.set_dtype_policy(policy)
    try:
        model = classifier(klr.scheduled(opt.SGD(klr.Constant(0.1), momentum=0.9), momentum=RAMP))
        train(model)
        leaf = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        np.testing.assert_allclose(float(leaf.momentum), RAMP.values([int(leaf.iterations) - 1])[0], rtol=1e-6)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        train(model, epochs=1)
        train(loaded, epochs=1)
        np.testing.assert_array_equal(weights(model), weights(loaded))
    finally:
        keras.config.set_dtype_policy("float32")


def test_nested_optimizers(tmp_path):
    """All optimizers inside a `MultiOptimizer` that have the hyperparameter follow the schedule, and are saved."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    parts = opt.OptimizerMap(opt.SGD(0.1, momentum=0.9), {".*bias.*": opt.Adam(0.01)})
    model = classifier(klr.scheduled(opt.MultiOptimizer(parts), momentum=RAMP))
    train(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    train(model, epochs=1)
    train(loaded, epochs=1)
    np.testing.assert_array_equal(weights(model), weights(loaded))


def test_spans_are_bound():
    """`BindSpans` binds the schedules of all hyperparameters, counted in updates under accumulation."""
    ramp = klr.Intervals(klr.epochs(1), [0.25, 0.75])
    for optimizer in (
        opt.SGD(0.1, momentum=0.9),
        opt.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    ):
        model = classifier(klr.scheduled(optimizer, momentum=ramp))
        for epoch, expected in ((0, 0.25), (1, 0.75)):
            train(model, initial_epoch=epoch, epochs=epoch + 1, callbacks=[klr.BindSpans()])
            assert float(model.optimizer.momentum) == expected


def test_an_optimizer_with_unbound_spans_can_be_copied():
    """By its config: the rate, which has no value yet, is not read."""
    rule = klr.Prodigy(klr.Cosine(1.0, 0.0, klr.epochs(3)))
    optimizer = klr.scheduled(keras.optimizers.Adam(), learning_rate=rule)
    copied = type(optimizer).from_config(optimizer.get_config())
    assert copied.get_config() == optimizer.get_config()


def test_one_evaluation_per_step():
    """The schedule of the learning rate is evaluated once per update, however many weights decay by it."""
    counted = []

    @klr.schedule(package="tests")
    class Counting(klr.Schedule):
        value: float

        def at(self, step):
            counted.append(1)
            return step.full(self.value)

    optimizer = klr.scheduled(opt.AdamW(Counting(0.01), weight_decay=0.1), weight_decay=True)
    variables = [keras.Variable(np.ones(2)) for _ in range(20)]
    optimizer.build(variables)
    optimizer.apply([keras.ops.ones(2) for _ in variables])
    assert len(counted) == 1


@pytest.mark.parametrize("accumulation", [None, 2])
@pytest.mark.parametrize("hyper", ["beta_1", "beta_2"])
def test_bias_of_a_changing_beta(hyper, accumulation):
    """Adam corrects the bias of its averages by the product of the betas that were used."""
    betas = {"beta_1": klr.Constant(0.9), "beta_2": klr.Constant(0.999)} | {hyper: klr.Linear(0.5, 0.99, steps=10)}
    optimizer = opt.Adam(0.01, epsilon=1e-12, gradient_accumulation_steps=accumulation)
    klr.scheduled(optimizer, **betas)
    variable = keras.Variable(np.zeros(3, "float32"))
    optimizer.build([variable])
    gradients = np.random.default_rng(0).normal(size=[12, 3])
    expected, m, v, product_1, product_2 = np.zeros(3), np.zeros(3), np.zeros(3), 1.0, 1.0
    for t, gradient in enumerate(gradients):
        beta_1, beta_2 = (betas[name].values([t])[0] for name in ("beta_1", "beta_2"))
        for _ in range(accumulation or 1):
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        m, v = beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2
        product_1, product_2 = product_1 * beta_1, product_2 * beta_2
        expected -= 0.01 * (m / (1 - product_1)) / np.sqrt(v / (1 - product_2))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected, rtol=2e-4)


def test_the_choice_of_the_bias_stays(tmp_path):
    """`correct_bias=False` outlives a later call, a callback and saving."""
    model = classifier(klr.scheduled(opt.Adam(0.01), correct_bias=False, beta_1=RAMP))
    klr.scheduled(model.optimizer, weight_decay=True)
    train(model, callbacks=[klr.EpochSchedule(lambda epoch: 0.99, hyperparameter="beta_2")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        assert one.optimizer.get_config()["keras_lr"]["correct_bias"] is False
        train(one, epochs=1)
    np.testing.assert_array_equal(weights(model), weights(loaded))


def test_a_trained_adam_is_taken_in_hand():
    """The product starts from the updates that the plain optimizer has made."""
    model, plain = classifier(opt.Adam(0.01)), classifier(opt.Adam(0.01))
    for one in (model, plain):
        train(one, epochs=1)
    klr.scheduled(model.optimizer, beta_1=True, beta_2=True)
    klr.set_learning_rate(model, 0.01)
    for one in (model, plain):
        train(one, epochs=1)
    np.testing.assert_allclose(weights(model), weights(plain), rtol=0, atol=1e-5)
