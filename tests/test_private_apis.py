"""Everything private of Keras, TensorFlow and torch that keras_lr uses: the list, a test for each, and a scan for more.

When one of these tests fails, another version of Keras has changed what its name says. `USES` says what keras_lr needs
it for; the files that have to change are those in which the name occurs.
"""

import ast
import inspect
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, optimizers

import keras_lr as klr

BACKEND = keras.backend.backend()
PACKAGE = Path(klr.__file__).parent
X = np.ones([4, 2], "float32")

USES = {
    # of an optimizer
    "_iterations": "the count of batches; `iterations` counts updates under gradient accumulation",
    "_learning_rate": "the rate as it was passed, a schedule too; `learning_rate` is its current number",
    "_variables": "the order of the variables, which is that of the file",
    "_trainable_variables": "the weights that it was built for",
    "_get_variable_index": "which slot belongs to a weight",
    "_momentums": "the slots of Adam and others",
    "_velocities": "the second moments of Adam",
    "_untrack_variable": "drops a variable of the optimizer",
    "_tracker": "which list is that of the variables",
    "_unpickle_model": "reads the pickle of an optimizer",
    "_backend_update_step": "overridden: the update of all weights",
    "_clip_gradients": "overridden: the gradients of an update, accumulated and clipped, for rules",
    "_apply_weight_decay": "overridden: what comes between clipping and the update, with the weights",
    "_layout": "JAX: how a weight is spread over devices, for the slots of rules",
    "_foreach_copy_": "torch: assigns many tensors in one call",
    "_foreach_norm": "torch: the norms of many tensors in one call",
    "_get_current_learning_rate": "overridden: the rate that the backend's step uses",
    "_distribution_strategy": "TensorFlow: the strategy in whose scope it makes variables",
    "_all_reduce_sum_gradients": "TensorFlow: sums the gradients of the replicas",
    "_track_trackable": "TensorFlow: adds a variable to `tf.train.Checkpoint`",
    "keras.src.backend.": "torch: the modules of optimizers that stand in for the public ones",
    # of a model or a layer
    "_compile_loss": "the loss with its state, to be restored after a range test",
    "_compile_metrics": "the metrics, left out of a range test",
    "_compile_config": "what `compile` was given, to compile with another optimizer",
    "_symbolic_build": "builds a model as `fit` does",
    "_flatten_layers": "the layers inside a layer, in the order in which they were made",
    "_modules": "torch: the attributes of a layer that are layers",
    "keras.src.layers.": "the modules of Keras' own layers",
    "fit": "the local variables of `fit`: its data and the other callbacks",
    "train_function": "the compiled step, renewed by `make_train_function(force=True)`",
    "state": "JAX: the local variable of `fit` with all variables",
    "_jax_state": "JAX: the variables, put back where a `fit` fails",
    "_jax_state_synced": "JAX: whether the variables have their values while `fit` runs",
    "_value": "whether a variable has one; JAX: its value while `fit` has it",
    # of callbacks
    "_model": "the model of a callback, left out of copies",
    "_async_train": "whether a `CallbackList` calls the ends of batches in a thread",
    "_current_epoch": "the epoch that `BackupAndRestore` writes",
    "training_metadata.json": "the file of `BackupAndRestore`, with the batch",
    # modules and objects
    "keras.src.backend.common": "the seed of random operations without one, to be restored",
    "keras.src.trainers.data_adapters": "reads data as `fit` does",
    "keras.src.trainers.data_adapters.array_slicing": "splits arrays as `fit(validation_split=...)` does",
    "keras.src.utils.tracking": "the tracker of an object, to be restored",
    "_storage": "TensorFlow: the items of a list that it tracks",
    "_seed": "TensorFlow: the seed of its eager context",
    "_rng": "TensorFlow: the generator of its eager context",
    "autograph_info__": "TensorFlow: the mark of what AutoGraph need not convert",
}
NOT_OURS_TO_LIST = {"_getframe", "_replace", "_repr_png_"}  # of Python and IPython, all documented
CASES = {}


def case(*names):
    def register(test):
        CASES.update(dict.fromkeys(names, test))
        return test

    return register


def trained(optimizer=None):
    model = keras.Sequential([keras.Input([2]), layers.Dense(1)])
    model.compile(optimizer or optimizers.SGD(klr.Linear(0.5, 0.0, steps=8), momentum=0.9), loss="mse")
    model.fit(X, X[:, :1], batch_size=1, verbose=0)
    return model


@case("_iterations")
def iterations(adam, model):
    accumulating = trained(optimizers.SGD(0.1, gradient_accumulation_steps=2)).optimizer
    assert int(keras.ops.convert_to_numpy(accumulating._iterations)) == 4
    assert int(keras.ops.convert_to_numpy(accumulating.iterations)) == 2
    assert isinstance(accumulating._iterations, keras.Variable)


@case("_learning_rate")
def learning_rate(adam, model):
    assert isinstance(model.optimizer._learning_rate, klr.Linear)
    assert isinstance(adam._learning_rate, keras.Variable)


@case("_untrack_variable", "_tracker", "_unpickle_model", "_value")
def variables(adam, model):
    optimizer = trained(optimizers.Adam(0.1)).optimizer
    is_variable, tracked = optimizer._tracker.config["variables"]
    assert tracked is optimizer._variables and is_variable(optimizer._iterations)
    last = optimizer._variables[-1]
    assert last._value is not None
    optimizer._untrack_variable(last)
    assert not any(variable is last for variable in optimizer._variables)
    rebuild, arguments = optimizers.Adam(0.5).__reduce__()  # a built one loses its state, with a warning
    assert rebuild.__func__ is optimizers.Optimizer._unpickle_model.__func__
    assert float(rebuild(*arguments).learning_rate) == 0.5


@case("_variables", "_trainable_variables", "_get_variable_index", "_momentums", "_velocities")
def slots(adam, model):
    assert adam._variables[:2] == [adam._iterations, adam._learning_rate]
    assert len(adam._variables) == len(adam.variables) == 6
    assert [v.shape for v in adam._trainable_variables] == [(2, 1), (1,)]
    for slots in (adam._momentums, adam._velocities):
        assert [slots[adam._get_variable_index(v)].shape for v in adam._trainable_variables] == [(2, 1), (1,)]


@case("_backend_update_step", "_get_current_learning_rate")
def update(adam, model):
    seen = []

    class Watched(optimizers.SGD):
        def _get_current_learning_rate(self):
            return super()._get_current_learning_rate() * 2

        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            seen.append((len(grads), len(trainable_variables)))
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    weight = keras.Variable(1.0)
    optimizer = Watched(0.25)
    optimizer.apply([keras.ops.ones([])], [weight])
    assert seen == [(1, 1)] and float(keras.ops.convert_to_numpy(weight)) == 0.5


@case("_clip_gradients", "_apply_weight_decay")
def before_the_update(adam, model):
    """The gradients are clipped, then the weights decay, then they are updated; each once."""
    calls = []

    class Watched(optimizers.SGD):
        def _clip_gradients(self, grads):
            calls.append("clip")
            return super()._clip_gradients(grads)

        def _apply_weight_decay(self, variables):
            calls.append(f"decay {len(variables)}")
            super()._apply_weight_decay(variables)

        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            calls.append(f"update {float(keras.ops.convert_to_numpy(grads[0]))}")
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    weight = keras.Variable(1.0)
    Watched(0.25, clipvalue=0.5).apply([keras.ops.ones([])], [weight])
    assert calls == ["clip", "decay 1", "update 0.5"]


@case("_layout", "_foreach_copy_", "_foreach_norm")
def slots_of_rules(adam, model):
    weight = model.trainable_variables[0]
    if BACKEND == "jax":
        assert weight._layout is None  # of one device
    if BACKEND == "torch":
        import torch

        tensors = [torch.zeros(2), torch.zeros(3)]
        torch._foreach_copy_(tensors, [torch.ones(2), torch.ones(3)])
        assert [float(tensor.sum()) for tensor in tensors] == [2.0, 3.0]
        assert [float(norm) for norm in torch._foreach_norm(tensors)] == pytest.approx([2**0.5, 3**0.5])


@case("_distribution_strategy", "_all_reduce_sum_gradients", "_track_trackable")
def of_tensorflow(adam, model):
    if BACKEND == "tensorflow":
        assert adam._distribution_strategy.num_replicas_in_sync == 1
        assert callable(adam._all_reduce_sum_gradients)
        adam._track_trackable(keras.Variable(0.0), name="added", overwrite=True)


@case("keras.src.backend.")
def stand_ins(adam, model):
    if BACKEND == "torch":
        assert type(adam).__module__.startswith("keras.src.backend.")
    assert optimizers.Adam in type(adam).__mro__


@case("_compile_loss", "_compile_metrics", "_compile_config", "_symbolic_build")
def compiled(adam, model):
    one, other = trained(), optimizers.Adam()
    assert one._compile_config.config["optimizer"] is one.optimizer
    keras.Model.compile(one, **one._compile_config.config | {"optimizer": other})
    assert one.optimizer is other and one.loss == "mse"
    assert {"_compile_loss", "_compile_metrics"} <= vars(model).keys()
    late = keras.Sequential([layers.Dense(1)])
    late.compile("sgd", "mse")
    late._symbolic_build(data_batch=(X, X[:, :1]))
    assert late.built and [v.shape for v in late.trainable_variables] == [(2, 1), (1,)]


@case("_flatten_layers", "_modules", "keras.src.layers.")
def inside(adam, model):
    class Both(layers.Layer):
        def __init__(self):
            super().__init__()
            self.second, self.first = [layers.Dense(1)], layers.Dense(1)

    both = Both()
    assert list(both._flatten_layers(include_self=False, recursive=False)) == [both.second[0], both.first]
    assert (vars(both) | vars(both).get("_modules", {}))["first"] is both.first
    assert type(both.first).__module__.startswith("keras.src.layers.")


@case("fit", "train_function")
def frame(adam, model):
    class Frame(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found = sys._getframe()
            while found.f_code.co_name != "fit":
                found = found.f_back
            self.names = dict(found.f_locals)

    callback = Frame()
    model.fit(X, X[:, :1], batch_size=2, verbose=0, callbacks=[callback])
    assert callback.names["self"] is model
    assert callback.names["epoch_iterator"].data_adapter.batch_size == 2
    assert callback in callback.names["callbacks"].callbacks
    assert {"validation_data", "validation_split"} <= callback.names.keys()
    function = model.train_function
    model.make_train_function(force=True)
    assert function is not None and model.train_function is not function


@case("_model", "_async_train")
def callbacks(adam, model):
    callback = keras.callbacks.Callback()
    callback.set_model(model)
    assert vars(callback)["_model"] is model
    assert isinstance(keras.callbacks.CallbackList([callback])._async_train, bool)


@case("state", "_jax_state", "_jax_state_synced")
def of_jax(adam, model):
    if BACKEND == "jax":
        source = inspect.getsource(keras.Model.fit.__wrapped__)
        assert "self._jax_state = " in source and "state = " in source
        assert "self._jax_state_synced = False" in source


@case("_current_epoch", "training_metadata.json")
def backup(adam, model):
    source = Path(sys.modules[keras.callbacks.BackupAndRestore.__module__].__file__).read_text("utf-8")
    assert "self._current_epoch" in source and '"training_metadata.json"' in source and '"batch"' in source


@case("keras.src.backend.common", "keras.src.trainers.data_adapters", "keras.src.utils.tracking")
def modules(adam, model):
    from keras.src.backend.common import global_state
    from keras.src.trainers.data_adapters import get_data_adapter
    from keras.src.utils.tracking import Tracker

    keras.random.uniform([1])
    assert isinstance(global_state.get_global_attribute("global_seed_generator"), keras.random.SeedGenerator)
    assert get_data_adapter(x=X, batch_size=2).num_batches == 2
    assert isinstance(model._tracker, Tracker)


@case("keras.src.trainers.data_adapters.array_slicing")
def splits(adam, model):
    from keras.src.trainers.data_adapters.array_slicing import can_slice_array, train_validation_split

    kept, held_out = train_validation_split((X,), 0.25)
    assert can_slice_array(X) and (len(kept[0]), len(held_out[0])) == (3, 1)
    np.testing.assert_array_equal(held_out[0], X[3:])  # the last ones


@case("_storage", "_seed", "_rng")
def context(adam, model):
    if BACKEND != "tensorflow":
        return
    import tensorflow as tf
    from tensorflow.python.eager import context

    module = tf.Module()
    module.items = [tf.Variable(0.0)]
    assert module.items._storage == list(module.items)
    assert {"_seed", "_rng"} <= vars(context.context()).keys()


@case("autograph_info__")
def autograph(adam, model):
    if BACKEND != "tensorflow":
        return
    from tensorflow.python.autograph.impl import api

    def function(): ...

    function.autograph_info__ = None
    assert api.is_autograph_artifact(function)


@pytest.fixture(scope="module")
def model():
    return trained()


@pytest.fixture(scope="module")
def adam():
    return trained(optimizers.Adam(0.1)).optimizer


@pytest.mark.parametrize("name", USES)
def test_keras_still_has(name, adam, model):
    CASES[name](adam, model)


def private_names_in(package):
    """The names beginning with `_`, and the modules of `keras.src`, that a package takes from others."""
    own, used = set(), set()
    for file in package.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        own_here = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        own_here |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own_here |= {node.attr for node in nodes if is_of_self(node) and isinstance(node.ctx, ast.Store)}
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_store":
                own_here |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
        own |= own_here
        used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)} - own_here
        used |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and not is_of_self(node)} & FOREIGN
        used |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        used |= {text for text in strings if text in FOREIGN or text.startswith("keras.src.")}
    used = {name for name in used if name.startswith(("_", "keras.src")) and not name.startswith("__")}
    return {name for name in used if name in FOREIGN or name not in own}


def is_of_self(node):
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def foreign_names():
    """The private names of what keras_lr handles."""
    model = keras.Sequential([keras.Input([1]), layers.Dense(1)])
    sgd, adam = optimizers.SGD(0.1), optimizers.Adam(0.1)
    things = [model, model.layers[0], sgd, adam, optimizers.LossScaleOptimizer(sgd), keras.Variable(0.0)]
    things += [keras.callbacks.BackupAndRestore("unused"), keras.metrics.Mean(), keras.optimizers.schedules.CosineDecay]
    return {name for thing in things for name in dir(thing) if name.startswith("_") and not name.startswith("__")}


FOREIGN = foreign_names()


def test_no_other_private_name_is_used():
    """A private name of Keras that is new in keras_lr has to be listed in `USES`, with a test of its own."""
    found = private_names_in(PACKAGE) - NOT_OURS_TO_LIST
    assert found - USES.keys() == set()


def test_a_planted_private_name_is_found(tmp_path):
    """An attribute, also one that has the name of one's own, a name in a string, and a module."""
    (tmp_path / "a.py").write_text("class A:\n    def f(self):\n        self._own, self._losses = 1, 2\n")
    (tmp_path / "b.py").write_text("def f(x):\n    return x._own, x._losses, x._new, getattr(x, '_metrics')\n")
    (tmp_path / "c.py").write_text("from keras.src.models import Model\n")
    assert private_names_in(tmp_path) == {"_losses", "_new", "_metrics", "keras.src.models"}
