"""Files that are damaged or hostile: nothing in them is executed, nothing hangs, and an error says what is wrong."""

import copy
import io
import json
import os
import time
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_lr as klr

SECONDS = 10
OPTIMIZER = ("compile_config", "optimizer", "config")
RATE = (*OPTIMIZER, "learning_rate")
MANAGED = (*OPTIMIZER, "keras_lr")
TABLE = (*RATE, "config", "schedule")
MOMENTUM = (*OPTIMIZER, "momentum")
LAMBDA = {
    "class_name": "__lambda__",
    "config": {"value": ["4wEAAAAAAAAAAAAAAAAAAAA=", None, None]},
    "module": "builtins",
    "registered_name": None,
}
SYSTEM = {"module": "os", "class_name": "system", "config": {"command": "exit"}, "registered_name": "system"}


def nested(schedule, levels):
    for _ in range(levels):
        config = {"schedule": schedule, "steps": 1}
        schedule = {**WARMUP, "config": config}
    return schedule


WARMUP = {"module": "keras_lr", "class_name": "Warmup", "registered_name": "keras_lr>Warmup"}
HUGE = "9" * 400
CONFIGS = {
    "the steps are a text": {(*RATE, "config", "steps"): "many"},
    "the steps are an exponent": {(*RATE, "config", "steps"): {"epochs": "1e999999999"}},
    "the steps are a long fraction": {(*RATE, "config", "steps"): {"steps": f"{HUGE}/{HUGE[1:]}"}},
    "the steps have 5,000 digits": {(*RATE, "config", "steps"): {"epochs": "9" * 5000}},
    "the steps are infinite": {(*RATE, "config", "steps"): float("inf")},
    "the steps are negative": {(*RATE, "config", "steps"): {"epochs": -1, "steps": 4}},
    "the unit is unknown": {(*RATE, "config", "steps"): {"weeks": 3}},
    "a unit has no amount": {(*RATE, "config", "steps"): {"epochs": None}},
    "a span is a list": {(*RATE, "config", "steps"): {"sum": [1, 2]}},
    "a span is empty": {(*RATE, "config", "steps"): {}},
    "a bound span is bound to a text": {(*RATE, "config", "steps"): {"epochs": 1, "steps": "x"}},
    "a bound span is negative": {(*RATE, "config", "steps"): {"epochs": 1, "steps": -4}},
    "a bound span is huge": {(*RATE, "config", "steps"): {"epochs": 1, "steps": HUGE}},
    "values are no base64": {(*TABLE, "config", "values"): {"float64": "$$$"}},
    "values are half a number": {(*TABLE, "config", "values"): {"float64": "AAAA"}},
    "values are NaN in base64": {(*TABLE, "config", "values"): {"float64": "AAAAAAAA+H8AAAAAAAD4fwAAAAAAAPh/"}},
    "values are a number": {(*TABLE, "config", "values"): {"float64": 3}},
    "a value is NaN": {(*TABLE, "config", "values"): [0.1, float("nan"), 0.1]},
    "a value is beyond float32": {(*TABLE, "config", "values"): [0.1, 1e300, 0.1]},
    "a value is missing": {(*TABLE, "config", "values"): [0.1, 0.2]},
    "boundaries are nested": {(*TABLE, "config", "boundaries"): [[[1]], [[2]]]},
    "boundaries decrease": {(*TABLE, "config", "boundaries"): [5, 4]},
    "a field is unknown": {(*TABLE, "config", "speed"): 3},
    "a field is missing": {(*TABLE, "config", "values"): ...},
    "the config is missing": {(*TABLE, "config"): ...},
    "the config is a list": {(*TABLE, "config"): [1, 2]},
    "the class is another": {(*TABLE, "class_name"): "Linear", (*TABLE, "registered_name"): "keras_lr>Linear"},
    "the class is no schedule": {
        (*RATE, "class_name"): "AdaptiveMomentum",
        (*RATE, "registered_name"): "keras_lr>AdaptiveMomentum",
        (*RATE, "config"): {},
    },
    "the class is unknown": {
        (*RATE, "class_name"): "Sine",
        (*RATE, "registered_name"): "keras_lr>Sine",
    },
    "a schedule is a lambda": {RATE: LAMBDA},
    "a member is a lambda": {(*RATE, "config", "schedule"): LAMBDA},
    "a momentum is a lambda": {MOMENTUM: LAMBDA},
    "a schedule is a command": {RATE: SYSTEM},
    "a member is a command": {(*RATE, "config", "schedule"): SYSTEM},
    "a momentum is a command": {MOMENTUM: SYSTEM},
    "a schedule has 200 levels": {RATE: lambda rate: nested(rate, 200)},
    "a momentum is a text": {MOMENTUM: "fast"},
    "a momentum is NaN": {MOMENTUM: float("nan")},
    "a momentum is a layer": {MOMENTUM: keras.saving.serialize_keras_object(keras.layers.Dense(1))},
    "a hyperparameter is a method": {(*MANAGED, "initial_values", "apply"): 0.5},
    "a hyperparameter is private": {(*MANAGED, "initial_values", "__class__"): 0.5},
    "no hyperparameters": {(*MANAGED, "initial_values"): ...},
    "hyperparameters are a list": {(*MANAGED, "initial_values"): [1]},
    "an initial value is a text": {(*MANAGED, "initial_values", "momentum"): "fast"},
    "what is managed is a list": {MANAGED: [1]},
    "the correction is a text": {(*MANAGED, "correct_bias"): "yes"},
    "the optimizer is missing": {(*MANAGED, "class"): ...},
    "the optimizer is a layer": {(*MANAGED, "class"): keras.saving.serialize_keras_object(keras.layers.Dense(1))},
    "many cycles": {
        RATE: {
            "module": "keras_lr",
            "class_name": "Repeat",
            "registered_name": "keras_lr>Repeat",
            "config": {"schedule": 0.1, "period": 1, "growth": 1.0000001, "cycles": 10**15},
        }
    },
}
# The amounts of a bound span count again when it is bound again; a few hundred levels are read.
LOADED = {"the steps are negative", "a schedule has 200 levels"}
KERAS_ERROR = 2000  # characters; it shows the config


def compiled():
    rate = klr.Warmup(klr.Intervals(klr.epochs(1, 2), [0.1, 0.05, 0.01]), klr.epochs(1))
    optimizer = klr.scheduled(keras.optimizers.SGD(rate, momentum=0.5), momentum=klr.Linear(0.5, 0.9, 10))
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(optimizer=klr.scheduled(optimizer, weight_decay=True), loss="mse")
    return model


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a file of a trained model, by name."""
    model, path = compiled(), tmp_path_factory.mktemp("files") / "model.keras"
    callbacks = [klr.BindSpans(), klr.PlateauReducer("loss")]
    model.fit(np.ones([8, 2]), np.ones([8]), batch_size=2, epochs=2, callbacks=callbacks, verbose=0)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def load(parts, path):
    """Load a file made of `parts`; the error, if there is one."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    begin = time.process_time()
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:
        return error
    finally:
        assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("name", CONFIGS)
def test_config(name, parts, tmp_path):
    """A config with a wrong entry is refused, by an error that says so."""
    config = json.loads(parts["config.json"])
    for path, value in CONFIGS[name].items():
        place = config
        for key in path[:-1]:
            place = place[key]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value(place[path[-1]]) if callable(value) else copy.deepcopy(value)
    found = load(parts | {"config.json": json.dumps(config)}, tmp_path / "model.keras")
    if name not in LOADED:
        assert isinstance(found, ValueError | TypeError) and len(str(found)) < 5000, repr(found)[:500]


WEIGHTS = {
    "a NaN factor": ("factor", np.array(np.nan, "float32"), "reductions of the learning rate"),
    "an infinite factor": ("factor", np.array(np.inf, "float32"), "reductions of the learning rate"),
    "a negative factor": ("factor", np.array(-1.0, "float32"), "reductions of the learning rate"),
    "a factor that is a table": ("factor", np.ones(3, "float32"), "`factor` of the optimizer in the file must be"),
    "a momentum that is a table": ("momentum", np.ones([2, 2]), "`momentum` of the optimizer in the file must be"),
    "a state that is a number": ("note.plateau.loss", np.array(1.0), "must be numbers"),
    "a state that is text": ("note.plateau.loss", np.array([b"x"]), "must be numbers"),
    "a state that is huge": ("note.plateau.loss", (10**12,), "note.plateau.loss"),
    "a state with another name": ("note." + "x" * 1000, np.ones(3), None),
    "a state of nobody": ("nobody", np.ones(3), None),
    "no factor": ("factor", None, None),
    "no state": ("note.plateau.loss", None, None),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name, parts, tmp_path):
    """The saved state of the optimizer is checked before it is used."""
    key, value, message = WEIGHTS[name]
    content = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(content, "a") as file:
        group = file["optimizer/keras_lr/vars"]
        if key in group:
            del group[key]
        if isinstance(value, tuple):  # a table without content takes no space in the file
            group.create_dataset(key, value, "float64", chunks=(10**6,))
        elif value is not None:
            group[key] = value
    found = load(parts | {"model.weights.h5": content.getvalue()}, tmp_path / "model.keras")
    if message is None:
        found.fit(np.ones([8, 2]), np.ones([8]), batch_size=2, callbacks=[klr.PlateauReducer("loss")], verbose=0)
    else:
        assert isinstance(found, ValueError) and message in str(found), repr(found)


def test_a_hyperparameter_that_is_no_variable_any_more(tmp_path):
    """Weights alone do not bring back a hyperparameter that had become a variable, and a warning says so."""
    path = tmp_path / "model.weights.h5"
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    model.save_weights(path)
    other = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    other.compile(optimizer=klr.scheduled(keras.optimizers.SGD(klr.Constant(0.1)), momentum=0.5), loss="mse")
    other.optimizer.build(other.trainable_variables)
    with pytest.warns(UserWarning, match=r"`weight_decay` was a variable .* call `keras_lr.scheduled\(optimizer"):
        other.load_weights(path)


def deep(levels):
    return '{"config": ' * levels + "1" + "}" * levels


PARTS = {
    "no config": {"config.json": None},
    "an empty config": {"config.json": b""},
    "half a config": {"config.json": lambda content: content[: len(content) // 2]},
    "a deep config": {"config.json": deep(10_000)},
    "a config in Latin": {"config.json": b"\xff\xfe{}"},
    "no weights": {"model.weights.h5": None},
    "empty weights": {"model.weights.h5": b""},
    "half of the weights": {"model.weights.h5": lambda content: content[: len(content) // 2]},
    "weights without an optimizer": {"model.weights.h5": "optimizer"},
    "weights without layers": {"model.weights.h5": "layers"},
}


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("name", PARTS)
def test_parts(name, parts, tmp_path):
    """What is missing or truncated is an error, or a warning where Keras lets the state of an optimizer be missing."""
    ((part, change),) = PARTS[name].items()
    content = parts[part]
    if callable(change):
        content = change(content)
    elif part == "model.weights.h5" and isinstance(change, str):
        stream = io.BytesIO(content)
        with h5py.File(stream, "a") as file:
            del file[change]
        content = stream.getvalue()
    else:
        content = change
    changed = {other: old for other, old in (parts | {part: content}).items() if old is not None}
    found = load(changed, tmp_path / "model.keras")
    if name == "weights without an optimizer":
        assert isinstance(found, keras.Model)
    else:
        assert isinstance(found, Exception), found


def test_truncated_files(parts, tmp_path):
    """A file that ends early, as after a kill, is never loaded."""
    path = tmp_path / "model.keras"
    load(parts, path)
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
            keras.saving.load_model(path)


def test_control_files(tmp_path, capsys):
    """Whatever the file of `LiveControl` is, training goes on, and a small file with commands is applied."""
    path = tmp_path / "control.json"
    contents = [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\x00", b"\0" * 1000, b'{"learning_rate": {"set": 1',
        b'{"learning_rate": {"set": 1' + b"0" * 400 + b"}}", b'{"learning_rate": {"set": 1' + b"0" * 5000 + b"}}",
        b'{"learning_rate": {"multiply": 1e308}}', b'{"learning_rate": {"set": NaN}}', b'{"stop": {"stop": true}}',
        deep(10_000).encode(), b'{"' + b"x" * 10_000 + b'": 1}', b'{"momentum": {"set": 1}}', 10**8,
        "folder", "pipe", "unreadable", "gone",
    ]  # fmt: skip
    rates = []

    class Writer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))
            content = [*contents, b'{"learning_rate": {"set": 0.5}}'][epoch]
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            if isinstance(content, int):
                with open(path, "wb") as file:
                    file.truncate(content)  # takes no space on the disk
            elif isinstance(content, bytes) or content == "unreadable":
                path.write_bytes(content if isinstance(content, bytes) else b"{}")
                path.chmod(0o644 if isinstance(content, bytes) else 0)
            elif content == "folder":
                path.mkdir()
            elif content == "pipe":
                os.mkfifo(path)

    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5), loss="mse")
    callbacks, begin = [Writer(), klr.LiveControl(path)], time.process_time()
    epochs = len(contents) + 1
    model.fit(np.ones([2, 2]), np.ones([2]), epochs=epochs, callbacks=callbacks, verbose=0)
    assert time.process_time() - begin < SECONDS
    np.testing.assert_allclose(rates, 0.1)
    assert float(model.optimizer.learning_rate) == 0.5
    lines = capsys.readouterr().out.splitlines()
    # An empty file and none are silent, and root can read every file.
    assert sum("ignores" in line for line in lines) >= len(contents) - 4
    assert all(len(line) < 1000 for line in lines) and any("100,000,000 bytes" in line for line in lines)
