"""A managed optimizer stays an optimizer: configs, weights, pickle, checkpoints and every dtype."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
from keras import optimizers as opt

import keras_lr as klr
from keras_lr.optimizers.hyperparameters import NAMES, has_hyperparameter

X, Y = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3), np.linspace(0, 1, 8, dtype="float32").reshape(8, 1)
RAMP = klr.Linear(0.9, 0.5, steps=20)
CLASSES = [
    cls
    for name, cls in vars(opt).items()
    if isinstance(cls, type)
    and issubclass(cls, opt.Optimizer)
    and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
]


def compiled(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def fit(model, epochs=1):
    model.fit(X, Y, batch_size=4, shuffle=False, epochs=epochs, verbose=0)
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def adam():
    return klr.scheduled(opt.Adam(0.1), beta_1=RAMP, weight_decay=True)


def assert_same(one, other, rtol=0.0):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_edited_config():
    """`get_config` has the numbers of the hyperparameters, to be read and edited, in any way to make an optimizer."""
    optimizer = klr.scheduled(opt.SGD(0.1, momentum=0.5, clipnorm=1.0), momentum=True)
    optimizer.momentum = 0.75
    config = json.loads(json.dumps(optimizer.get_config()))
    assert (config["momentum"], config["clipnorm"]) == (0.75, 1.0)
    assert_same(fit(compiled(type(optimizer).from_config(dict(config)))), fit(compiled(optimizer)))
    config |= {"learning_rate": 0.01, "momentum": 0.25, "clipnorm": None}
    expected = fit(compiled(opt.SGD(0.01, momentum=0.25)))
    named = {"class_name": type(optimizer).__name__, "config": config}
    serialized = keras.saving.serialize_keras_object(optimizer) | {"config": config}
    makers = (
        lambda: type(optimizer).from_config(dict(config)),
        lambda: type(optimizer)(**config),
        lambda: opt.get(named),
        lambda: opt.deserialize(serialized),
        lambda: type(optimizer)(0.01, momentum=0.25),
        lambda: type(optimizer).from_config(opt.SGD(0.01, momentum=0.25).get_config()),
    )
    for make in makers:
        made = make()
        assert type(made) is type(optimizer)
        assert_same(fit(compiled(made)), expected, rtol=1e-6)
        made.momentum = 0.9  # it can still be assigned
        assert float(made.momentum) == pytest.approx(0.9)


def test_config_of_an_unregistered_class():
    """The class of an optimizer is known to it, as to a plain one, also where Keras does not find it by its name."""

    class Own(opt.SGD):
        pass

    optimizer = klr.scheduled(Own(0.1, momentum=0.5), momentum=True)
    made = type(optimizer).from_config(optimizer.get_config() | {"learning_rate": 0.01})
    assert type(made) is type(optimizer)
    assert_same(fit(compiled(made)), fit(compiled(opt.SGD(0.01, momentum=0.5))), rtol=1e-6)


def test_schedule_in_an_edited_config():
    """A number replaces a schedule in a config, and the other way round."""
    config = klr.scheduled(opt.SGD(RAMP, momentum=0.5), momentum=RAMP, weight_decay=0.1).get_config()
    edited = config | {"learning_rate": 0.1, "momentum": 0.25, "weight_decay": klr.Constant(0.01)}
    made = opt.get({"class_name": "ScheduledSGD", "config": edited})
    assert_same(fit(compiled(made)), fit(compiled(opt.SGD(0.1, momentum=0.25, weight_decay=0.01))), rtol=1e-6)


def test_set_weights():
    """Moments, products of betas and assigned numbers arrive in another optimizer, as in a plain one."""
    model, other = compiled(adam()), compiled(adam())
    fit(model, epochs=5)
    model.optimizer.weight_decay = 0.25
    other.optimizer.build(other.trainable_variables)
    other.set_weights(model.get_weights())
    other.optimizer.set_weights(model.optimizer.variables)
    assert_same(fit(model), fit(other))
    plain, managed = compiled(opt.Adam(0.1)), compiled(klr.scheduled(opt.Adam(0.1), beta_1=True))
    fit(plain, epochs=5)
    managed.optimizer.build(managed.trainable_variables)
    managed.set_weights(plain.get_weights())
    managed.optimizer.set_weights(plain.optimizer.variables)
    assert_same(fit(managed), fit(plain), rtol=1e-5)
    with pytest.raises(ValueError, match="`set_weights`"):
        other.optimizer.set_weights(model.optimizer.variables[:-1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies(copied):
    """Of an optimizer, also one that a callback manages; of a model with everything that its optimizer has."""
    assert_same(fit(compiled(copied(adam()))), fit(compiled(adam())))
    model = compiled(adam())
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[klr.PlateauReducer("loss")])
    assert_same(fit(copied(model)), fit(model))
    with pytest.warns(UserWarning, match="Skipping variable loading"):  # Keras copies no moments
        alone = copied(model.optimizer)
    assert_same(fit(compiled(alone)), fit(compiled(type(alone).from_config(model.optimizer.get_config()))))
    assert keras.models.clone_model(model).get_weights()[0].shape == (3, 2)


@pytest.mark.tensorflow
@pytest.mark.parametrize("first", [pytest.param(0.1, marks=pytest.mark.slow), RAMP])
def test_tensorflow_checkpoints(first, tmp_path):
    """Checkpoints and exports after the rate has changed from a number to a schedule, and back."""
    import tensorflow as tf

    model = compiled(klr.scheduled(opt.Adam(first), beta_1=True))
    fit(model)
    for rate in (RAMP, 0.1, RAMP) if first == 0.1 else (0.1, RAMP, 0.1):
        klr.set_learning_rate(model, rate)
        fit(model)
        checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
        path = checkpoint.save(tmp_path / "checkpoint")
        expected = fit(model)
        checkpoint.restore(path).assert_existing_objects_matched()
        assert_same(fit(model), expected)
    tf.saved_model.save(model, tmp_path / "saved")
    other = compiled(klr.scheduled(opt.Adam(rate), beta_1=True))
    fit(other)
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path).assert_existing_objects_matched()
    assert_same(fit(other), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_dtypes(cls, dtype):
    """Weights of any dtype: with all hyperparameters managed as with the numbers."""
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 by default")
    settings = {"momentum": 0.9} if cls in (opt.SGD, opt.RMSprop) else {}
    gradients = [np.cos(np.arange(12.0) * i).reshape(4, 3) for i in range(3)]
    results = []
    for is_managed in (False, True):
        optimizer = cls(0.01, **settings)
        if is_managed:
            others = [name for name in NAMES if name != "learning_rate" and has_hyperparameter(optimizer, name)]
            numbers = {name: vars(optimizer)[name] for name in others if vars(optimizer)[name] is not None}
            klr.scheduled(optimizer, learning_rate=klr.Constant(0.01), **numbers)
        weight = keras.Variable(np.sin(np.arange(12.0)).reshape(4, 3), dtype=dtype)
        for gradient in gradients:
            try:
                optimizer.apply([keras.ops.cast(keras.ops.convert_to_tensor(gradient), dtype)], [weight])
            except Exception as error:
                if is_managed:
                    raise
                pytest.skip(f"Keras itself can't: {error!r:.200}")
        results.append(keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32")))
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float64": 1e-6}[dtype]
    np.testing.assert_allclose(results[1], results[0], rtol=tolerance, atol=tolerance)
