"""What other tools rely on: classes are found by name. Their recipes run as docs and in `benchmarks/clients.py`."""

import keras
import pytest

import keras_lr as klr


@klr.schedule(package="tests_of_clients")
class Falling(klr.Schedule):
    """value = start / (1 + t)"""

    start: float

    def at(self, step):
        return self.start / (1 + step.time)


def test_a_class_that_arrives_by_value_is_registered(monkeypatch):
    """As cloudpickle brings a class of a notebook to a worker: what it saves there loads here."""
    rebuild, (cls, *rest) = Falling(0.5).__reduce__()
    arrived = type(cls.__name__, cls.__bases__, dict(vars(cls)))
    name = keras.saving.get_registered_name(Falling)
    monkeypatch.setitem(keras.saving.get_custom_objects(), name, Falling)  # it is put back at the end
    schedule = rebuild(arrived, *rest)
    assert type(schedule) is arrived and keras.saving.get_registered_name(arrived) == name
    optimizer = keras.optimizers.SGD(schedule)
    config = keras.optimizers.serialize(optimizer)
    assert config["config"]["learning_rate"]["registered_name"] == name
    assert keras.optimizers.deserialize(config).get_config() == optimizer.get_config()


def test_without_the_import(monkeypatch):
    """Keras' error for a class that it does not know shows our name; with the import its own functions load it."""
    config = keras.optimizers.schedules.serialize(klr.Linear(0.5, 0.0, steps=4))
    assert keras.optimizers.schedules.deserialize(config) == klr.Linear(0.5, 0.0, steps=4)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "keras_lr>Linear")
    with pytest.raises(TypeError, match=r"Could not locate class 'Linear'.* all imported .*keras_lr>Linear"):
        keras.saving.deserialize_keras_object(config)
