"""What holds on TensorFlow alone: the size of the graph, and graphs and sessions of TensorFlow 1."""

import numpy as np
import pytest
from cases import CASES

import keras_lr as klr

pytestmark = pytest.mark.tensorflow
tf = pytest.importorskip("tensorflow")


def nodes(function):
    """The nodes of a graph, those of functions inside included."""
    count = tf.Variable(0, dtype="int64")
    graph = tf.function(lambda: function(count)).get_concrete_function().graph.as_graph_def()
    return len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)


def test_nodes_do_not_grow_with_the_boundaries():
    """A graph of 5,000 intervals, knots, cycles or periods has as many nodes as one of 4."""
    line = klr.Linear(0.1, 0.0, steps=10)
    makers = [
        lambda n: klr.Intervals(range(1, n), np.linspace(1.0, 0.0, n)),
        lambda n: klr.Table(np.linspace(1.0, 0.0, n)),
        lambda n: klr.Knots(range(3, 4 * n, 4), np.linspace(0.1, 0.2, n + 1)),
        lambda n: klr.Repeat(line, 10, growth=1.001, cycles=n),
        lambda n: klr.Repeat(line, range(7, 7 + n)),
        lambda n: klr.Repeat(line, 10, cycles=n),
        lambda n: klr.Exponential(0.1, 0.99, steps=n, staircase=True),
    ]
    for make in makers:
        assert nodes(make(4)) >= nodes(make(5000))


@pytest.mark.parametrize("name", CASES)
def test_schedules_are_small(name):
    """No schedule has more than 80 nodes, constants included; a constant rate, a variable that is read, has 5."""
    assert nodes(CASES[name].schedule) <= 80


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_no_branches_in_the_graph(case):
    """A schedule is arithmetic: no `cond` and no `while` that would break XLA or vectorisation."""
    concrete = tf.function(case.schedule).get_concrete_function(tf.TensorSpec([], "int64"))
    operations = {operation.type for operation in concrete.graph.get_operations()}
    assert not operations & {"If", "StatelessIf", "While", "StatelessWhile", "PyFunc", "EagerPyFunc"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_placeholder_as_the_step(case, dtype):
    """In a TensorFlow 1 graph the step may be a placeholder that is fed, known shape or not."""
    steps = [-3, 0, 1, 5, 1000]
    expected = [case.formula(max(t, 0)) for t in steps]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        step = tf.compat.v1.placeholder(dtype, shape=[])
        any_shape = tf.compat.v1.placeholder(dtype)
        one = case.schedule(step)
        np.testing.assert_allclose([session.run(one, {step: t}) for t in steps], expected, rtol=1.2e-7, atol=1e-37)
        if "Foreign" in repr(case.schedule):
            return  # Keras' own schedules need a known shape
        many = case.schedule(any_shape)
        np.testing.assert_allclose(session.run(many, {any_shape: steps}), expected, rtol=1.2e-7, atol=1e-37)


@pytest.mark.parametrize("use_resource", [True, False])
def test_tensorflow_1_optimizer(use_resource):
    """`MomentumOptimizer(schedule(global_step), 0.9)` in a session applies the rate of each step."""
    schedule = klr.Intervals([2, 4], [1.0, 0.1, 0.01])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        weight = tf.compat.v1.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=use_resource)
        global_step = tf.compat.v1.Variable(0, trainable=False, dtype="int64", use_resource=use_resource)
        optimizer = tf.compat.v1.train.MomentumOptimizer(schedule(global_step), momentum=0.9)
        train = optimizer.minimize(1.0 * weight, global_step=global_step)
        session.run(tf.compat.v1.global_variables_initializer())
        expected, velocity = 0.0, 0.0
        for step in range(6):
            session.run(train)
            velocity = 0.9 * velocity + 1.0
            expected -= schedule.values([step])[0] * velocity
            np.testing.assert_allclose(session.run(weight), expected, rtol=1e-5)


def test_mirrored_strategy():
    """Under `tf.distribute` the replicas apply the rate of the step."""
    import keras
    from models import applied, ones

    cpus = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([cpu.name for cpu in cpus[:1]])
    with strategy.scope():
        model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        rate = klr.Intervals(klr.epochs(1, 2), [4.0, 2.0, 1.0])
        model.compile(optimizer=keras.optimizers.SGD(rate), loss=lambda y, p: keras.ops.mean(p))
    model.fit(*ones(4), batch_size=1, epochs=3, callbacks=[klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 4 * (4 + 2 + 1), rtol=1e-6)


def test_custom_training_loop_and_export(tmp_path):
    """A schedule works in a `GradientTape` loop inside `tf.function`, and can be saved in a SavedModel."""
    import keras

    optimizer, weight = keras.optimizers.SGD(klr.Table([4.0, 2.0, 1.0])), tf.Variable(0.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = 1.0 * weight
        optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])

    for _ in range(4):
        step()
    assert float(weight) == -(4 + 2 + 1 + 1)
    module = tf.Module()
    module.rate = tf.function(klr.Cosine(0.1, 0.0, steps=10), input_signature=[tf.TensorSpec([], "int64")])
    tf.saved_model.save(module, str(tmp_path / "rate"))
    loaded = tf.saved_model.load(str(tmp_path / "rate"))
    np.testing.assert_allclose(float(loaded.rate(tf.constant(5, "int64"))), 0.05, rtol=1e-6)
