"""Rules in every way to train: accumulated, skipped and faulty steps, weights of any kind, several models."""

import keras
import numpy as np
import pytest
from backends import NAME, compiled_apply
from models import classifier
from test_rules_in_training import RULES, assert_equal_state, close, every_rule, following, state, train

import keras_lr as klr

WAYS = {"steps_per_execution": [4], "jit_compile": [True, False], "run_eagerly": [True]}


def number(variable):
    return float(keras.ops.convert_to_numpy(variable))


@every_rule
def test_accumulated_gradients(name):
    """4 batches that are accumulated are one batch of their size, also to the rule, which counts updates."""
    one, several = (classifier(following(name, gradient_accumulation_steps=n)) for n in (None, 4))
    train(one, epochs=3, size=16), train(several, epochs=3, size=4)
    assert int(one.optimizer.iterations) == int(several.optimizer.iterations) == 12
    close(one, several)
    for key, value in state(one).items():
        np.testing.assert_allclose(state(several)[key], value, rtol=1e-3, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("option, value", [(option, value) for option, values in WAYS.items() for value in values])
@pytest.mark.parametrize("name", ["Prodigy", pytest.param("own", marks=pytest.mark.slow)])
def test_ways_to_compile(name, option, value):
    """It is the same in the compiled step, in several steps at once, by XLA or without, and eagerly."""
    if NAME != "tensorflow" and (NAME == "torch" or not value):
        pytest.skip("Keras has one way to train on torch, and JAX without a compiler is slow")
    usual, other = classifier(following(name)), classifier(following(name), **{option: value})
    train(usual, epochs=2), train(other, epochs=2)
    close(usual, other, 1e-3)
    assert number(usual.optimizer.learning_rate) == pytest.approx(number(other.optimizer.learning_rate), rel=1e-3)


def gradients(weights, value=1.0):
    return [keras.ops.full(w.shape, value, dtype=keras.backend.standardize_dtype(w.dtype)) for w in weights]


def random_gradients(weights, seed=0):
    random = np.random.default_rng(seed)
    return [keras.ops.convert_to_tensor(random.normal(size=w.shape), w.dtype) for w in weights]


def new_weights(dtype="float32"):
    random = np.random.default_rng(1)
    return [keras.Variable(random.normal(size=shape), dtype=dtype) for shape in ([3, 2], [2], [])]


def values(weights):
    return [np.array(keras.ops.convert_to_numpy(w)) for w in weights]


def built(name, *rule, **options):
    optimizer, weights = following(name, *rule, **options), new_weights()
    optimizer.build(weights)
    for _ in range(4):  # which agree, so that estimates grow
        optimizer.apply(random_gradients(weights), weights)
    return optimizer, weights


@every_rule
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite(name, bad):
    """It leaves the rule as it was, and once weights and moments are restored, training goes on."""
    optimizer, weights = built(name)
    before, kept = state(optimizer), [values(weights), values(optimizer.variables)]
    grads = random_gradients(weights, 3)
    optimizer.apply([keras.ops.multiply(grads[0], bad), *grads[1:]], weights)
    after = state(optimizer)
    for key in before:
        if "moment_factor" in key:  # for the moments of this update
            assert after[key] == 1.0
        else:
            np.testing.assert_array_equal(after[key], before[key], err_msg=key)
    for variable, value in zip(weights, kept[0], strict=True):
        variable.assign(value)
    optimizer.set_weights(kept[1])
    optimizer.apply(grads, weights)
    other, expected = built(name)
    other.apply(random_gradients(expected, 3), expected)
    for one, two in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(*values([one, two]))


@every_rule
def test_the_first_gradient_is_not_finite(name):
    """The rule starts with the first gradient that is."""
    optimizer, weights = following(name), new_weights()
    optimizer.build(weights)
    start = state(optimizer)
    optimizer.apply(gradients(weights, np.nan), weights)
    after = state(optimizer)
    for key in start:
        if "_start_" not in key:  # which are the weights
            np.testing.assert_array_equal(after[key], start[key], err_msg=key)


def test_a_slot_that_no_scalar_depends_on():
    """A rule of a user that only keeps an average of the gradients does not keep one that is not finite."""

    @klr.rule(package="test_a_slot")
    class Average(klr.Rule):
        schedule: klr.Schedule = 1.0
        slots = ("average",)

        def update(self, state, signals):
            return {"average": 0.5 * state["average"] + 0.5 * signals.gradients}, 0.1

    optimizer, weights = klr.scheduled(keras.optimizers.SGD(), learning_rate=Average()), new_weights()
    optimizer.build(weights)
    optimizer.apply(gradients(weights, np.inf), weights)
    assert all(not np.any(value) for key, value in state(optimizer).items() if "average" in key)
    optimizer.apply(gradients(weights, 1.0), weights)
    assert all(np.all(value == 0.5) for key, value in state(optimizer).items() if "average" in key)


@every_rule
def test_a_skipped_step(name):
    """A step that `LossScaleOptimizer` skips leaves everything as it was, and the next one counts as usual."""
    inner, weights = following(name), new_weights()
    optimizer = keras.optimizers.LossScaleOptimizer(inner)
    optimizer.build(weights)
    apply, scale = compiled_apply(optimizer, weights), optimizer.initial_scale
    apply([scale * g for g in random_gradients(weights)])
    before = state(inner), values(weights)
    apply(gradients(weights, np.inf))
    assert_equal_state(state(inner), before[0])
    for now, then in zip(values(weights), before[1], strict=True):
        np.testing.assert_array_equal(now, then)
    apply([scale / 2 * g for g in random_gradients(weights, 1)])
    plain, expected = following(name), new_weights()
    for seed in range(2):
        plain.apply(random_gradients(expected, seed), expected)
    for one, two in zip(values(weights), values(expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


@every_rule
def test_a_gradient_of_zero(name):
    """At first it moves nothing and spoils nothing."""
    optimizer, weights = following(name, weight_decay=0.0), new_weights()
    before = values(weights)
    for _ in range(2):
        optimizer.apply(gradients(weights, 0.0), weights)
    for now, then in zip(values(weights), before, strict=True):
        np.testing.assert_array_equal(now, then)
    for seed in range(5):
        optimizer.apply(random_gradients(weights, seed), weights)
    assert all(np.all(np.isfinite(w)) for w in [*values(weights), *state(optimizer).values()])
    assert number(optimizer.learning_rate) > 0 and np.any(values(weights)[0] != before[0])


@every_rule
@pytest.mark.parametrize(
    "factors", [[0.0, 0.5, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]], ids=str
)
def test_a_factor_of_zero(name, factors):
    """A schedule may be 0 at first, in between and at last: then nothing moves but what has a velocity."""
    make, rule = RULES[name]
    rule = type(rule)(klr.Table(factors), **({} if name == "own" else {"initial": rule.initial}))
    optimizer, weights = klr.scheduled(make(), learning_rate=rule), new_weights()
    for step, factor in enumerate(factors):
        before = values(weights)
        optimizer.apply(random_gradients(weights, step), weights)
        moved = [np.max(np.abs(now - then)) for now, then in zip(values(weights), before, strict=True)]
        assert all(np.isfinite(moved)) and (max(moved) > 0) == (factor > 0 or (name == "DoWG" and any(factors[:step])))
        assert (number(optimizer.learning_rate) > 0) == (factor > 0)
    assert all(np.all(np.isfinite(value)) for value in state(optimizer).values())


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@every_rule
def test_weights_without_gradients(name):
    """A frozen layer is none of the rule's, and a weight that has no gradient in one step neither moves nor counts."""
    model = classifier(following(name))
    model.layers[0].trainable = False
    model.compile(model.optimizer, model.loss)
    train(model, epochs=1)
    assert len(model.optimizer._trainable_variables) == 2
    slots = model.optimizer._managed.slots.values()
    assert all(len(variables) == 2 for variables in slots)
    optimizer, weights = built(name)
    (x, *_), y = values(weights), state(optimizer)
    optimizer.apply([None, *random_gradients(weights)[1:]], weights)
    np.testing.assert_array_equal(values(weights)[0], x)
    for slot in RULES[name][1].slots:
        np.testing.assert_array_equal(state(optimizer)[f"learning_rate_{slot}_0"], y[f"learning_rate_{slot}_0"])


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", ["Prodigy", "DoWG"])
def test_a_weight_that_comes_later(name):
    """The start of a weight is where it is when its first gradient comes, as of a second model in the optimizer."""
    optimizer, weights = following(name), new_weights()
    optimizer.build(weights)
    optimizer.apply([None, *random_gradients(weights)[1:]], weights)
    optimizer.apply(random_gradients(weights), weights)
    np.testing.assert_array_equal(state(optimizer)["learning_rate_start_0"], values(new_weights())[0])


@every_rule
def test_an_embedding(name):
    """Gradients of some rows only are those of the whole table."""

    def fitted(dense):
        keras.utils.set_random_seed(3)
        table = keras.layers.Dense(3, use_bias=False) if dense else keras.layers.Embedding(5, 3)
        shape = [2, 5] if dense else [2]
        layers = [keras.Input(shape, dtype="float32" if dense else "int32"), table, keras.layers.Flatten()]
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()])
        model.compile(following(name), "mse")
        x = np.array([[0, 1], [2, 3], [4, 0], [1, 2]], "int32")
        model.fit(np.eye(5)[x] if dense else x, np.ones([4]), batch_size=2, epochs=4, shuffle=False, verbose=0)
        return model

    close(fitted(False), fitted(True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("name", ["Prodigy", "DoWG", "own"])
def test_dtype_policies(name, policy):
    """The rule computes in float32 whatever the layers compute in, and the weights are."""
    if policy == "float64" and NAME == "jax":
        pytest.skip("JAX has no float64 by default")
    usual, before = classifier(following(name)), keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx("float64" if policy == "float64" else "float32")
        other = classifier(following(name))
    finally:
        keras.config.set_dtype_policy(before)
    other.set_weights(usual.get_weights())
    losses = train(usual, epochs=2)["loss"], train(other, epochs=2)["loss"]
    np.testing.assert_allclose(losses[0][1], losses[1][1], rtol=1e-4 if policy == "float64" else 0.1)
    inner = getattr(other.optimizer, "inner_optimizer", other.optimizer)
    assert (inner is not other.optimizer) == (policy == "mixed_float16")
    assert all(value.dtype == "float32" and np.all(np.isfinite(value)) for value in state(inner).values())


@pytest.mark.parametrize("name", ["Prodigy", "DoWG", "DAdaptation"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_coarse_weights(name, dtype):
    """Rules that measure how far the weights move warn of weights that are too coarse for their first steps."""
    optimizer, weights = following(name), new_weights(dtype)
    if name == "DAdaptation":
        optimizer.build(weights)
    else:
        with pytest.warns(UserWarning, match=f"`{name}` measures .* in {dtype}. Use a mixed dtype policy"):
            optimizer.build(weights)
    for seed in range(3):
        optimizer.apply(random_gradients(weights, seed), weights)
    assert all(np.all(np.isfinite(value)) for value in state(optimizer).values())
