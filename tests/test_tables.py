"""Long tables: held once in memory, in the graph and in the saved file, and still read like a tuple."""

import copy
import gc
import json
import pickle
import tracemalloc
import weakref

import keras
import numpy as np
import pytest
from backends import NAME, compilers, integers
from models import applied, ones, rate_meter

import keras_lr as klr

LONG = 100_000
RATES = np.linspace(0.1, 0.0, LONG)


def test_held_once():
    """A schedule holds 8 bytes for each value, and none more when it is bound, copied or compared."""
    tracemalloc.start()
    table = klr.Table(RATES)
    intervals = klr.Intervals([klr.epochs(n) for n in range(1, 9)], RATES[:9])
    before = tracemalloc.get_traced_memory()[0]
    assert before < 8.5 * LONG
    others = [copy.copy(table), copy.deepcopy(table), table.bind(steps_per_epoch=3), klr.Table(table.values)]
    assert all(other == table and hash(other) == hash(table) for other in others)
    assert len(table.values(LONG)) == LONG and repr(table) and intervals.bind(steps_per_epoch=3).values(1)[0] == 0.1
    assert tracemalloc.get_traced_memory()[0] < before + LONG
    tracemalloc.stop()


def test_gone_with_its_last_use():
    """Nothing keeps a schedule or its tensor in memory, not even until the garbage is collected."""
    table = klr.Table(RATES)
    float(table(3)), table.values(3), hash(table), table == copy.deepcopy(table)
    gc.collect()
    gone = weakref.ref(table), weakref.ref(table.values.array)
    gc.disable()
    del table
    assert [reference() for reference in gone] == [None, None]
    gc.enable()


def test_compiled_and_not_in_any_order():
    """The tensor that one graph made is right in the next, and outside of graphs."""
    schedule, expected = klr.Table(RATES[:2000]), RATES.astype("float32")
    for _ in range(2):
        for compiler in compilers().values():
            twice = compiler(lambda step: schedule(step) + schedule(step + 1))
            for t in (3, 700):
                np.testing.assert_allclose(float(twice(integers(t))), expected[t] + expected[t + 1], rtol=1e-6)
        assert float(schedule(1234)) == expected[1234]
        assert float(pickle.loads(pickle.dumps(schedule))(1234)) == expected[1234]


def test_trained_with():
    """The rates of a long table are applied."""
    rates = np.arange(2000) % 7 / 8
    model = rate_meter(keras.optimizers.SGD(klr.Table(rates)))
    model.fit(*ones(16), batch_size=1, epochs=2, verbose=0)
    np.testing.assert_allclose(applied(model), rates[:32].sum(), rtol=1e-6)


def test_saved_once_and_small(tmp_path):
    """The file of a model has each value of a long table once, in 11 bytes, and gives them back exactly."""
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(klr.Table(RATES)), loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < 11 * LONG
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer._learning_rate == klr.Table(RATES)


@pytest.mark.parametrize("length", [1, 1000, 1001, 5000])
def test_config(length):
    """A config lists a thousand values and codes more; both are JSON, exact, and either way is read."""
    values = np.random.default_rng(0).random(length) * 10.0 ** np.random.default_rng(1).integers(-300, 38, length)
    table = klr.Table(values)
    config = json.loads(json.dumps(table.get_config()))
    assert isinstance(config["values"], list) == (length <= 1000)
    for read in (config, {"values": values.tolist()}):
        assert klr.Table.from_config(read) == table
    np.testing.assert_array_equal(klr.Table.from_config(config).values(length), values)


def test_read_like_a_tuple():
    """The values are indexed, sliced, iterated, measured and compared like the tuple of floats they are."""
    short, long = klr.Table([0.1, 0.2, 0.1]).values, klr.Table(RATES).values
    assert short == (0.1, 0.2, 0.1) != long and short != [0.1, 0.2, 0.1] and short != (0.1, 0.2)
    assert hash(short) == hash((0.1, 0.2, 0.1)) and {short: 1}[0.1, 0.2, 0.1] == 1
    assert (short[-1], short[1:], len(short), max(short)) == (0.1, (0.2, 0.1), 3, 0.2)
    assert type(short[0]) is type(next(iter(short))) is float and 0.2 in short and list(short) == [0.1, 0.2, 0.1]
    assert np.asarray(short).tolist() == [0.1, 0.2, 0.1]
    assert repr(short) == "(0.1, 0.2, 0.1)" and repr(long).endswith("0.0: 100000 in all)")
    changed = RATES.copy()
    changed[777] = 0.5
    assert klr.Table(changed) != klr.Table(RATES) == klr.Table(RATES.tolist()) == klr.Table(tuple(RATES))


def test_nobody_can_change_it():
    """The array that was given can be changed, and the schedule is not."""
    given = np.array([0.1, 0.2])
    for table in (klr.Table(given), pickle.loads(pickle.dumps(klr.Table(given)))):
        given[0] = 9.0
        assert table.values == (0.1, 0.2)
        with pytest.raises(ValueError, match="read-only"):
            table.values.array[0] = 9.0
        given[0] = 0.1


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, list])
def test_the_bad_value_is_named(bad, kind):
    """Of many values, the error says which is bad."""
    values = RATES.copy()
    values[1234:] = bad
    with pytest.raises(
        ValueError, match=rf"`values` of `Table` must be finite .+ That at 1234 is {bad}\. Rec"
    ) as caught:
        klr.Table(kind(values))
    assert len(str(caught.value)) < 500


def test_rows_of_different_lengths():
    """What numpy itself refuses is refused by the name of the argument."""
    with pytest.raises(
        TypeError, match=r"`values` of `Table` must be .+ Received: values=\[\[0\.1\], \[0\.2, 0\.3\]\]"
    ):
        klr.Table([[0.1], [0.2, 0.3]])


def test_values_of_an_own_schedule():
    """An argument `values` may have a default, and is read and called like that of `Table`."""

    @klr.schedule(package="tests")
    class Mirrored(klr.Schedule):
        values: klr.schedules.arguments.Numbers = (0.1, 0.4)

        def at(self, step):
            return step.take(self.values) + step.take(self.values.array[::-1])

    assert Mirrored().values == (0.1, 0.4) and Mirrored().values(3).tolist() == [0.5, 0.5, 0.5]
    assert repr(Mirrored()) == "Mirrored()" and Mirrored(RATES).values(2)[0] == 0.1
    assert float(Mirrored(RATES)(LONG)) == np.float32(0.1)


@pytest.mark.tensorflow
def test_small_graph():
    """The training step with weight decay has no copy of the table in it, for any number of weights."""
    import tensorflow as tf

    model = keras.Sequential([keras.Input([1])] + [keras.layers.Dense(1) for _ in range(10)])
    model.compile(optimizer=keras.optimizers.AdamW(klr.Table(RATES), weight_decay=0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    x = tf.ones([4, 1])
    graph = tf.function(model.train_step).get_concrete_function((x, x)).graph
    assert graph.as_graph_def().ByteSize() < 3 * LONG  # it would be 4 for each weight
    table = [tensor for tensor, _ in graph.captures if tuple(tensor.shape) == (LONG,)]
    assert len(table) == 1


@pytest.mark.tensorflow
def test_graphs_of_tensorflow_1():
    """A graph of TensorFlow 1 has tensors of its own, which no other graph and no eager code gets to see."""
    import tensorflow as tf

    table, seventh = klr.Table(RATES[:2000]), np.float32(RATES[7])
    for _ in range(2):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            step = tf.constant(7, "int64")
            inside = tf.function(lambda t: table(t) + 0.0)
            assert session.run([table(step), inside(step)]) == [seventh, seventh]
    assert float(table(7)) == float(tf.function(table)(tf.constant(7, "int64"))) == seventh
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        assert session.run(table(tf.constant(7, "int64"))) == seventh


@pytest.mark.tensorflow
def test_strategy_and_saved_model(tmp_path):
    """A long table works in the threads of a strategy and goes into a SavedModel once."""
    import tensorflow as tf

    rates = np.arange(2000.0) % 5
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = rate_meter(keras.optimizers.SGD(klr.Table(rates)))
    model.fit(*ones(8), batch_size=1, verbose=0)
    np.testing.assert_allclose(applied(model), rates[:8].sum(), rtol=1e-6)
    table, module = klr.Table(RATES), tf.Module()
    module.rate = tf.function(lambda t: table(t) + table(t), input_signature=[tf.TensorSpec([], "int64")])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(float(loaded.rate(tf.constant(7, "int64"))), 2 * RATES[7], rtol=1e-6)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 9 * LONG


@pytest.mark.skipif(NAME != "torch", reason="only torch has tensors without numbers")
def test_shapes_alone():
    """What torch makes while it asks for shapes alone is not taken for the table later."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    table = klr.Table(RATES[:2000])
    with FakeTensorMode():
        table(torch.tensor(7))
    with keras.device("meta"):
        table(torch.tensor(7, device="meta"))
    with torch.inference_mode():
        table(7)
    assert float(table(7)) == np.float32(RATES[7])
    weight = torch.ones([], requires_grad=True)
    (weight * table(7)).backward()
    assert float(weight.grad) == np.float32(RATES[7])
