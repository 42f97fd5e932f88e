"""A small problem for the tests of comparisons, and the directory of a user who has it in a module."""

import sys

import keras
import numpy as np
import pytest

from keras_lr.compare import model
from keras_lr.compare.policy import Policy
from keras_lr.compare.problem import Judge, Problem

EAGERLY = keras.backend.backend() == "tensorflow"  # to trace a model takes longer than to train it here

# What a user has in the current directory: a problem of 96 examples that trains in no time, and faulty ones.
MINE = """
import keras, numpy as np, keras_lr as klr


def arrays():
    x = np.random.default_rng(0).normal(size=[96, 4]).astype("float32")
    return x, (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0.5)

def load(**changes):
    x, y = arrays()
    parts = {"x": x[:64], "y": y[:64], "x_val": x[64:], "y_val": y[64:], **changes}
    return (parts["x"], parts["y"]), (parts["x_val"], parts["y_val"])

class Batches(keras.utils.PyDataset):
    def __len__(self): return 8
    def __getitem__(self, index): return tuple(part[index * 8: index * 8 + 8] for part in arrays())

def datasets(): return Batches(), Batches()

def tiny(shape, classes):
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(classes, activation="softmax")])

def compiled(shape, classes):
    model = tiny(shape, classes)
    model.compile(keras.optimizers.AdamW(), loss="sparse_categorical_crossentropy")
    return model

def policy(peak, steps): return klr.flat_cosine(peak, steps)

unnamed = lambda peak, steps: klr.flat_cosine(peak, steps)

def lists(): return [part.tolist() for part in arrays()]

class Odd(keras.layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function
    def call(self, x):
        return self.function(x)

def raises(*_): raise RuntimeError("no such\\nfile")
def nothing(*_): return None
def nan(): return load(x=np.full([64, 4], np.nan))
def inf(): return load(x_val=np.full([32, 4], np.inf))
def short(): return load(y=np.zeros(63, int))
def empty(): return load(x=np.zeros([0, 4]), y=np.zeros(0, int))
def negative(): return load(y_val=np.full(32, -1))
def one_class(): return load(y=np.zeros(64, int), y_val=np.zeros(32, int))
def words(): return load(x=np.full([64, 4], "a"))
def shapes(): return load(x_val=np.zeros([32, 5]))
def other_shape(shape, classes): return tiny((7,), classes)
def unsavable(shape, classes):
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes), Odd(lambda x: keras.ops.softmax(x))]
    return keras.Sequential([keras.Input(shape), *layers])
not_a_function = 3
"""


def arrays():
    """96 examples of three classes."""
    mine = {}
    exec(MINE, mine)
    return mine["arrays"]()


def make(*layers):
    """A compiled classifier, with more layers in the middle."""
    middle = [keras.layers.Dense(8, activation="tanh"), *layers]
    model = keras.Sequential([keras.Input([4]), *middle, keras.layers.Dense(3, activation="softmax")])
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=EAGERLY)
    return model


def problem_of(make=make, seeds=1, peak=0.1, epochs=2):
    """The small problem, six batches an epoch."""
    data = dict(zip(("x", "y"), arrays(), strict=True)) | {
        "batch_size": 12,
        "sample_weight": None,
        "class_weight": None,
    }
    return Problem(make, data, None, 0.25, epochs, seeds, peak, 6, 6 * epochs, Judge("val_accuracy", "max"))


def policy_of(source, name="mine", epochs=2):
    return Policy.read(name, source, f"policies[{name!r}]", epochs)


@pytest.fixture
def eagerly(monkeypatch):
    """The models of the command are not traced."""
    make_model = model.make_model

    def make_eager(code):
        made = make_model(code)
        if isinstance(made, keras.Model):
            made.run_eagerly = EAGERLY
        return made

    monkeypatch.setattr(model, "make_model", make_eager)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current directory with the user's module, which is forgotten afterwards."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("import no_such_package")
    x, y = arrays()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    np.savez(tmp_path / "only_x.npz", x=x)
    rows = ["a,b,target", *(f"{one[0]},{one[1] * 100},{one.sum()}" for one in x)]
    (tmp_path / "data.csv").write_text("\n".join(rows))
    classes = (f"{one[0]},{one[1]},{label}" for one, label in zip(x, y, strict=True))
    (tmp_path / "classes.csv").write_text("\n".join(["a,b,c", *classes]))
    from_1 = (f"{one[0]},{one[1]},{label + 1}" for one, label in zip(x, y, strict=True))
    (tmp_path / "from_1.csv").write_text("\n".join(["a,b,c", *from_1]))
    (tmp_path / "no_header.csv").write_text("\n".join(rows[1:]))
    (tmp_path / "words.csv").write_text("\n".join([*rows, "1,red,2"]))
    (tmp_path / "short.csv").write_text("\n".join([*rows, "1,2"]))
    (tmp_path / "long.csv").write_text("\n".join([rows[0], *(row + ",1" for row in rows[1:])]))
    (tmp_path / "semicolons.csv").write_text("\n".join(rows).replace(",", ";"))
    (tmp_path / "gaps.csv").write_text("\n".join([*rows, "1,nan,2"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as `python -m` has it
    yield tmp_path
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)
