"""`layerwise`: how far each layer moves, before and after a model is saved and loaded."""

import keras
import numpy as np
import pytest
from keras import layers, optimizers

import keras_lr as klr

pytestmark = pytest.mark.skipif(not hasattr(optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer")
X = np.random.default_rng(0).normal(size=[8, 4]).astype("float32")
Y = X[:, :1]


def dense(name, units=4):
    return layers.Dense(units, activation="tanh", name=name)


def sequential():
    keras.utils.set_random_seed(7)
    return keras.Sequential([keras.Input([4]), dense("dense"), dense("dense_1"), dense("head", 1)])


def functional():
    keras.utils.set_random_seed(7)
    inputs = keras.Input([4])
    inner = keras.Sequential([keras.Input([4]), dense("a"), dense("b")], name="encoder")
    return keras.Model(inputs, dense("head", 1)(dense("dense")(inner(inputs))))


def wrapped():
    keras.utils.set_random_seed(7)
    inputs = keras.Input([4])
    rows = layers.Reshape([2, 2])(inputs)
    rows = layers.Bidirectional(layers.LSTM(2), name="bi")(rows)
    rows = layers.MultiHeadAttention(2, 2, name="attention")(layers.Reshape([2, 2])(rows), layers.Reshape([2, 2])(rows))
    return keras.Model(inputs, dense("head", 1)(layers.Flatten()(rows)))


@keras.saving.register_keras_serializable("test_layerwise")
class Own(keras.Model):
    """It has a weight of its own, and a name that its config does not keep."""

    def __init__(self):
        super().__init__(name="special")
        self.body, self.head = dense("body"), dense("head", 1)

    def build(self, shape):
        self.scale = self.add_weight(shape=[1], initializer="ones", name="scale")
        self.body.build(shape)
        self.head.build(shape)

    def call(self, inputs):
        return self.head(self.body(inputs)) * self.scale

    @classmethod
    def from_config(cls, config):
        model = cls()
        model.name = "other"
        return model


def own():
    keras.utils.set_random_seed(7)
    model = Own()
    model(X)
    return model


@keras.saving.register_keras_serializable("test_layerwise")
class Block(layers.Layer):
    """A layer with layers inside, whose names are automatic; attention heads are in a list, and are no blocks."""

    def __init__(self, **options):
        super().__init__(**options)
        self.heads, self.mlp = [layers.Dense(2), layers.Dense(2)], keras.Sequential([layers.Dense(4)])

    def build(self, shape):
        for layer in (*self.heads, self.mlp):
            layer.build(shape)

    def call(self, inputs):
        return inputs + self.mlp(keras.ops.concatenate([head(inputs) for head in self.heads], -1))


@keras.saving.register_keras_serializable("test_layerwise")
class Stack(layers.Layer):
    """Embeddings, three blocks in a list and a norm."""

    def __init__(self, numbered=False, **options):
        super().__init__(**options)
        self.numbered = numbered
        self.words, self.places = layers.Embedding(5, 4), layers.Embedding(4, 4)
        if numbered:
            self.block_1, self.block_2, self.block_3 = Block(), Block(), Block()
        else:
            self.blocks = [Block(), [Block(), Block()]]
        self.norm = layers.LayerNormalization()

    def all_blocks(self):
        return [self.block_1, self.block_2, self.block_3] if self.numbered else [self.blocks[0], *self.blocks[1]]

    def build(self, shape):
        self.words.build(shape)
        self.places.build(shape)
        for layer in (*self.all_blocks(), self.norm):
            layer.build((*shape, 4))

    def call(self, inputs):
        x = self.words(keras.ops.cast(inputs > 0, "int32")) + self.places(keras.ops.arange(4))
        for block in self.all_blocks():
            x = block(x)
        return self.norm(x)

    def get_config(self):
        return super().get_config() | {"numbered": self.numbered}


def stack(**options):
    keras.utils.set_random_seed(7)
    mean = layers.GlobalAveragePooling1D()
    return keras.Sequential([keras.Input([4]), Stack(name="stack", **options), mean, dense("head", 1)])


def numbered_stack():
    return stack(numbered=True)


def same_names():
    keras.utils.set_random_seed(7)
    inner = [keras.Sequential([keras.Input([4]), dense("same")], name=name) for name in ("one", "two")]
    return keras.Sequential([keras.Input([4]), *inner, dense("head", 1)])


def compiled(model, optimizer):
    model.compile(optimizer=optimizer, loss="mse")
    return model


def step(model):
    """How each weight moves in one update."""
    before = model.get_weights()
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    return [after - old for after, old in zip(model.get_weights(), before, strict=True)]


def ratios(make, options, reload=None):
    """How far each weight moves, relative to one optimizer for all."""
    plain, model = compiled(make(), optimizers.SGD(0.1)), make()
    compiled(model, klr.layerwise(model, optimizers.SGD(0.1), **options))
    if reload is not None:
        model.save(reload / "model.keras")
        model = keras.saving.load_model(reload / "model.keras")
    found = []
    for a, b in zip(step(plain), step(model), strict=True):
        # The bias of attention's keys has no gradient.
        share = np.sum(a * b) / np.sum(a * a) if np.abs(a).max() > 1e-6 else np.nan
        found.append(share)
    return np.array(found)


# Embeddings, three blocks, the norm, the head.
STACK = [1 / 32] * 2 + [1 / 16] * 6 + [1 / 8] * 6 + [1 / 4] * 6 + [1 / 2] * 2 + [1] * 2
CASES = {
    "a layer, not its prefix": (sequential, {"factors": {"dense": 0.5}}, [0.5] * 2 + [1] * 4),
    "an expression": (sequential, {"factors": {"dense.*": 0.5}}, [0.5] * 4 + [1] * 2),
    "several": (sequential, {"factors": {"dense_1": 0.5, "head": 10}}, [1] * 2 + [0.5] * 2 + [10] * 2),
    "all": (sequential, {"factors": {".*": 0.5}}, [0.5] * 6),
    "variables": (sequential, {"factors": {".*bias": 2.0}}, [1, 2] * 3),
    "one variable": (sequential, {"factors": {"dense/kernel": 2.0}}, [2] + [1] * 5),
    "decay": (sequential, {"decay": 0.5}, [0.25] * 2 + [0.5] * 2 + [1] * 2),
    "both": (sequential, {"factors": {"head": 3.0}, "decay": 0.5}, [0.25] * 2 + [0.5] * 2 + [3] * 2),
    "a model inside": (functional, {"factors": {"encoder": 0.5}}, [0.5] * 4 + [1] * 4),
    "a layer inside": (functional, {"factors": {"encoder/b": 0.5}}, [1] * 2 + [0.5] * 2 + [1] * 4),
    "decay inside": (functional, {"decay": 0.5}, np.repeat([0.125, 0.25, 0.5, 1], 2)),
    "wrapped": (wrapped, {"factors": {"bi": 0.5, "attention": 2.0}}, [0.5] * 6 + [2] * 8 + [1] * 2),
    "one's own": (own, {"factors": {"body": 0.5, "scale": 2.0}}, [2] + [0.5] * 2 + [1] * 2),
    "blocks inside a layer": (stack, {"decay": 0.5}, STACK),
    "numbered blocks": (numbered_stack, {"decay": 0.5, "factors": {"head": 3.0}}, [*STACK[:-2], 3, 3]),
    "the same names in two models": (same_names, {"factors": {"one": 0.5, "two": 2.0}}, [0.5] * 2 + [2] * 2 + [1] * 2),
    "inside a layer": (wrapped, {"factors": {"attention/query": 2.0}}, [1] * 6 + [2] * 2 + [1] * 8),
}


@pytest.mark.slow
@pytest.mark.parametrize("reload", [False, True], ids=["new", "loaded"])
@pytest.mark.parametrize(("make", "options", "expected"), CASES.values(), ids=CASES)
def test_each_layer_moves_by_its_factor(make, options, expected, reload, tmp_path):
    """Each layer moves by its factor times the plain step, and does so in the loaded model."""
    found = ratios(make, options, reload=tmp_path if reload else None)
    expected = np.array(expected, "float64")
    moves = np.isfinite(found)
    assert moves.sum() >= len(expected) - 1
    np.testing.assert_allclose(found[moves], expected[moves], rtol=1e-3)


@pytest.mark.parametrize("reload", [pytest.param(False, marks=pytest.mark.slow), True], ids=["new", "loaded"])
def test_a_schedule(reload, tmp_path):
    """A schedule is multiplied by the factor at every step, Keras' own and one in epochs, too."""
    keras_own = optimizers.schedules.PolynomialDecay(0.4, 4, end_learning_rate=0.0)
    for rate in (klr.Linear(0.4, 0.0, steps=4), keras_own, klr.Linear(0.4, 0.0, steps=klr.epochs(4))):
        model = sequential()
        compiled(model, klr.layerwise(model, optimizers.SGD(rate), {"dense.*": 0.5}))
        if reload:
            model.save(tmp_path / "model.keras")
            model = keras.saving.load_model(tmp_path / "model.keras")
        plain = compiled(sequential(), optimizers.SGD(0.1))
        for share in (4, 3, 2):
            before = model.get_weights()
            model.fit(X, Y, batch_size=8, shuffle=False, callbacks=[klr.BindSpans()], verbose=0)
            plain.set_weights(before)
            for place, (a, b) in enumerate(zip(step(plain), model.get_weights(), strict=True)):
                factor = share * (0.5 if place < 4 else 1.0)
                np.testing.assert_allclose(b - before[place], factor * a, rtol=0, atol=1e-6)


def test_updates_under_accumulation():
    """The schedule of a scheduled optimizer with accumulation still counts updates."""
    model = sequential()
    optimizer = klr.scheduled(
        optimizers.SGD(1.0, gradient_accumulation_steps=2), learning_rate=klr.Table([0.4, 0.3, 0.2]), weight_decay=0.0
    )
    compiled(model, klr.layerwise(model, optimizer, {"head": 0.5}))
    model.fit(X, Y, batch_size=2, verbose=0)
    assert [float(part.learning_rate) for part in model.optimizer.optimizers] == pytest.approx([0.1, 0.2])
    assert all(float(part.weight_decay) == 0.0 for part in model.optimizer.optimizers)


def test_it_keeps_the_class_and_the_hyperparameters(tmp_path):
    """Each part is the optimizer with another rate; layers of the same factor share one; the weights are Adam's."""
    model = sequential()
    adam = optimizers.AdamW(0.01, beta_1=0.5, weight_decay=0.02)
    compiled(model, klr.layerwise(model, adam, {"dense.*": 1.0, "head": 1.0}))
    assert len(model.optimizer.optimizers) == 1
    plain = compiled(sequential(), optimizers.AdamW(0.01, beta_1=0.5, weight_decay=0.02))
    for a, b in zip(step(model), step(plain), strict=True):
        np.testing.assert_array_equal(a, b)
    parts = klr.layerwise(model, adam, decay=0.5).optimizers
    assert [type(part) for part in parts] == [type(adam)] * 3 and adam not in parts
    assert [part.beta_1 for part in parts] == [0.5] * 3
    assert sorted(float(part.learning_rate) for part in parts) == pytest.approx([0.0025, 0.005, 0.01])
    assert len({part.name for part in parts}) == 3


def test_a_loaded_run_is_the_uninterrupted_one(tmp_path):
    """Moments and counts of every part are found again."""
    model = sequential()
    compiled(model, klr.layerwise(model, optimizers.Adam(klr.Linear(0.1, 0.0, steps=9)), decay=0.5))
    step(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for a, b in zip(step(model), step(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loaded_stack_goes_on(tmp_path):
    """Blocks have their own rates, also in a copy and in a loaded model, where automatic names are others."""
    model = compiled(numbered_stack(), "sgd")
    optimizer = klr.layerwise(model, optimizers.Adam(0.1), decay=0.5)
    rates = {float(part.learning_rate) for part in type(optimizer).from_config(optimizer.get_config()).optimizers}
    assert sorted(rates) == pytest.approx([0.1 / 2**depth for depth in range(5, -1, -1)])
    compiled(model, optimizer)
    step(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [v.path for v in loaded.trainable_variables] != [v.path for v in model.trainable_variables]
    for moved, moved_loaded in zip(step(model), step(loaded), strict=True):
        # TensorFlow adds the gradients of an embedding in the order in which its threads come.
        np.testing.assert_allclose(moved, moved_loaded, rtol=1e-5, atol=1e-7)


def test_another_number_of_variables():
    """A copy that can't know which variable is which says so, and what to do."""
    model = sequential()
    copy = optimizers.deserialize(optimizers.serialize(klr.layerwise(model, optimizers.SGD(0.1), decay=0.5)))
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match=r"saved for 6 trainable variables, and the model has 4\. Load it with"):
        copy.build(model.trainable_variables)


def test_frozen_between():
    """Layers may be frozen after the call, and variables added."""
    model = sequential()
    optimizer = klr.layerwise(model, optimizers.SGD(0.1), {"dense": 0.1, "head": 0.5})
    model.layers[0].trainable = False
    model.layers[1].enable_lora(1) if hasattr(model.layers[1], "enable_lora") else None
    moved, plain = step(compiled(model, optimizer)), sequential()
    plain.layers[0].trainable = False
    expected = step(compiled(plain, optimizers.SGD(0.1)))
    assert all(np.all(x == 0) for x in moved[:2])
    np.testing.assert_allclose(moved[-1], 0.5 * expected[-1], rtol=1e-3, atol=1e-6)


@pytest.mark.tensorflow
def test_mirrored():
    """In and outside the scope of the strategy, with a number for the rate."""
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    # The collective operations of a second strategy in a process have the names of those of the first.
    strategy = tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        model = sequential()
    optimizer = klr.layerwise(model, optimizers.SGD(0.1), decay=0.5)
    with strategy.scope():
        klr.layerwise(model, optimizers.SGD(0.1), decay=0.5)
        compiled(model, optimizer)
    single = sequential()
    compiled(single, klr.layerwise(single, optimizers.SGD(0.1), decay=0.5))
    for a, b in zip(step(model), step(single), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": {"dens": 0.5}}, "patterns that match a layer: dense, dense_1, head"),
        ({"factors": {"sequential.*": 0.5}}, "patterns that match a layer"),
        ({"factors": {"dense.*": 0.5, "dense_1": 0.1}}, "one factor for dense_1/kernel"),
        ({"factors": {"(": 0.5}}, "`factors` of `layerwise` must be a dictionary of regular expressions"),
        ({"factors": {"head": 0}}, "`factors` of `layerwise` must be a dictionary of finite numbers > 0"),
        ({"factors": {"head": 1e39}}, "`factors` of `layerwise` must be a dictionary of finite numbers > 0"),
        ({"factors": {"head": "1"}}, "`factors` of `layerwise` must be a dictionary of finite numbers > 0"),
        ({"factors": {}}, "`factors` of `layerwise` must be"),
        ({"factors": ["head"]}, "`factors` of `layerwise` must be"),
        ({}, "`factors` of `layerwise` must be given if `decay` is not"),
        ({"decay": 0.0}, "`decay` of `layerwise` must be a number > 0 and <= 1"),
        ({"decay": 1.5}, "`decay` of `layerwise` must be a number > 0 and <= 1"),
        ({"decay": 0.5, "model": keras.Sequential([layers.Dense(1)])}, "`model` of `layerwise` must be a built model"),
        ({"decay": 0.5, "optimizer": "sgd"}, "`optimizer` of `layerwise` must be"),
        ({"decay": 0.5, "optimizer": optimizers.LossScaleOptimizer(optimizers.SGD())}, "`optimizer` of `layerwise`"),
        ({"decay": 0.5, "optimizer": optimizers.SGD(lambda: 0.1)}, "`optimizer` of `layerwise` must be one with"),
    ],
)
def test_bad_arguments(arguments, message):
    """What can't work is refused, with the names of the layers where a pattern matches none."""
    with pytest.raises((TypeError, ValueError), match=message):
        klr.layerwise(**({"model": sequential(), "optimizer": optimizers.SGD(0.1)} | arguments))


def test_an_older_keras(monkeypatch):
    """Without `MultiOptimizer` the error says which Keras has it."""
    monkeypatch.delattr(optimizers, "MultiOptimizer")
    with pytest.raises(ImportError, match=r"`layerwise` needs Keras 3\.15 or newer"):
        klr.layerwise(sequential(), optimizers.SGD(0.1), decay=0.5)
