"""Files that earlier versions saved are loaded, mean the same schedules, and train as they would have trained."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from backends import NAME

import keras_lr as klr

DATA = Path(__file__).parent / "data"
MODELS = sorted(DATA.glob("files_of_*/*.keras"))
EXPECTED = {folder: json.loads((folder / "expected.json").read_text()) for folder in {path.parent for path in MODELS}}
CONFIGS = json.loads((DATA / "files_of_0_2_0" / "configs.json").read_text())
STEPS = CONFIGS.pop("")
CLOSE = 1e-5 if NAME == "tensorflow" else 1e-3  # the backend that made the numbers; another one adds in another order
needs_multi = pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="no MultiOptimizer")
each_model = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=f"{path.parent.name}-{path.stem}", marks=needs_multi if path.stem == "layerwise" else ())
        for path in MODELS
    ],
)


def schedules_in(config):
    """The schedules in the config of an optimizer, those inside others left out."""
    if isinstance(config, dict):
        cls = keras.saving.get_registered_object(str(config.get("registered_name")))
        if isinstance(cls, type) and issubclass(cls, klr.Schedule):
            return [keras.saving.deserialize_keras_object(config)]
        config = list(config.values())
    return [schedule for item in config for schedule in schedules_in(item)] if isinstance(config, list | tuple) else []


def check_schedules(config, expected, steps):
    for schedule, row in zip(schedules_in(config), expected, strict=True):
        assert row["repr"] in (None, repr(schedule))
        if schedule.is_bound:
            np.testing.assert_allclose(schedule.values(steps), row["values"], rtol=1e-6)


def test_there_is_a_file_for_each_case():
    names = {(folder, name) for folder, rows in EXPECTED.items() for name in rows if name}
    assert names == {(path.parent, path.stem) for path in MODELS}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=needs_multi if one == "layerwise" else ()) for one in CONFIGS]
)
def test_configs(name):
    """Every schedule, rule and optimizer of an earlier version is read from its config."""
    saved = CONFIGS[name]
    made = keras.saving.deserialize_keras_object(saved["config"])
    assert saved["repr"] in (None, repr(made))
    check_schedules(keras.saving.serialize_keras_object(made), saved["schedules"], STEPS)


@each_model
def test_means_the_same(path):
    """The schedules of the loaded optimizer are written and evaluated as those that were saved."""
    expected, model = EXPECTED[path.parent], keras.saving.load_model(path)
    config = keras.saving.serialize_keras_object(model.optimizer)
    check_schedules(config, expected[path.stem]["schedules"], expected[""]["steps"])


@each_model
def test_continues(path):
    """After one more epoch the loaded model has the weights, iterations and hyperparameters of the earlier version."""
    common, expected = EXPECTED[path.parent][""], EXPECTED[path.parent][path.stem]
    model = keras.saving.load_model(path)
    callbacks = [klr.PlateauReducer(**expected["plateau"])] if expected["plateau"] else []
    x, y = np.array(common["x"], "float32"), np.array(common["y"], "float32")
    model.fit(x, y, batch_size=common["batch_size"], shuffle=False, callbacks=callbacks, verbose=0)
    for weight, wanted in zip(model.get_weights(), expected["weights"], strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=CLOSE, atol=CLOSE / 10)
    assert int(model.optimizer.iterations) == expected["iterations"]
    parts = getattr(model.optimizer, "optimizers", [model.optimizer])
    for hyperparameter, wanted in expected["numbers"].items():
        numbers = [float(getattr(part, hyperparameter)) for part in parts]
        np.testing.assert_allclose(numbers, wanted, rtol=CLOSE, err_msg=hyperparameter)
