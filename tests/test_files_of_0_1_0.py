"""Files that version 0.1.0 saved are loaded, mean the same schedules, and train as they would have trained."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from backends import NAME

import keras_lr as klr

FOLDER = Path(__file__).parent / "data" / "files_of_0_1_0"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
COMMON = EXPECTED.pop("")
CLOSE = 1e-5 if NAME == "tensorflow" else 1e-3  # the backend that made the numbers; another one adds in another order
MULTI = hasattr(keras.optimizers, "MultiOptimizer")


def load(name):
    if name == "layerwise" and not MULTI:
        pytest.skip("no MultiOptimizer in this Keras")
    return keras.saving.load_model(FOLDER / f"{name}.keras")


def schedules_in(config):
    """The schedules in the config of an optimizer, those inside others left out."""
    if isinstance(config, dict):
        cls = keras.saving.get_registered_object(str(config.get("registered_name")))
        if isinstance(cls, type) and issubclass(cls, klr.Schedule):
            return [keras.saving.deserialize_keras_object(config)]
        config = list(config.values())
    return [schedule for item in config for schedule in schedules_in(item)] if isinstance(config, list | tuple) else []


def test_there_is_a_file_for_each_case():
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.keras"))


@pytest.mark.parametrize("name", EXPECTED)
def test_means_the_same(name):
    """The schedules of the loaded optimizer are written and evaluated as those that were saved."""
    expected = EXPECTED[name]["schedules"]
    schedules = schedules_in(keras.saving.serialize_keras_object(load(name).optimizer))
    for schedule, row in zip(schedules, expected, strict=True):
        assert row["repr"] in (None, repr(schedule))
        np.testing.assert_allclose(schedule.values(COMMON["steps"]), row["values"], rtol=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_continues(name):
    """After one more epoch the loaded model has the weights, iterations and hyperparameters that 0.1.0 led to."""
    expected, model = EXPECTED[name], load(name)
    callbacks = [klr.PlateauReducer(**expected["plateau"])] if expected["plateau"] else []
    x, y = np.array(COMMON["x"], "float32"), np.array(COMMON["y"], "float32")
    model.fit(x, y, batch_size=COMMON["batch_size"], shuffle=False, callbacks=callbacks, verbose=0)
    for weight, wanted in zip(model.get_weights(), expected["weights"], strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=CLOSE, atol=CLOSE / 10)
    assert int(model.optimizer.iterations) == expected["iterations"]
    parts = getattr(model.optimizer, "optimizers", [model.optimizer])
    for hyperparameter, wanted in expected["numbers"].items():
        numbers = [float(getattr(part, hyperparameter)) for part in parts]
        np.testing.assert_allclose(numbers, wanted, rtol=CLOSE, err_msg=hyperparameter)
