"""Schedules, spans and rules in the configs of OmegaConf and Hydra."""

import copy
import pickle

import keras
import pytest

import keras_lr as klr

omegaconf = pytest.importorskip("omegaconf")
hydra = pytest.importorskip("hydra")
instantiate = pytest.importorskip("hydra.utils").instantiate

LINE = klr.Linear(0.1, 0.0, steps=10)
OBJECTS = {
    "schedule": LINE,
    "schedule with an argument `values`": klr.Intervals(klr.epochs(20, 60), [0.1, 0.01, 0.001]),
    "composition": klr.Warmup(LINE, steps=klr.epochs(2)),
    "span": klr.epochs(2),
    "bound span": klr.epochs(2).bind(steps_per_epoch=225),
    "rule": klr.AdaptiveMomentum(),
    "rule with a schedule": klr.Prodigy(LINE),
}
LINE_CONFIG = {"_target_": "keras_lr.Linear", "start": 0.1, "end": 0.0, "steps": 10}
EPOCHS = {"_target_": "keras_lr.epochs", "_args_": [2]}
CONFIGS = {
    "members and spans in lists": (
        {"_target_": "keras_lr.Sequence", "schedules": [LINE_CONFIG, 0.01], "boundaries": [EPOCHS]},
        klr.Sequence([LINE, 0.01], [klr.epochs(2)]),
    ),
    "a member and a span": (
        {"_target_": "keras_lr.Warmup", "schedule": LINE_CONFIG, "steps": EPOCHS},
        klr.Warmup(LINE, steps=klr.epochs(2)),
    ),
    "several spans": (
        {
            "_target_": "keras_lr.Intervals",
            "boundaries": {"_target_": "keras_lr.epochs", "_args_": [2, 3]},
            "values": [0.3, 0.2, 0.1],
        },
        klr.Intervals(klr.epochs(2, 3), [0.3, 0.2, 0.1]),
    ),
    "members alone": (
        {"_target_": "keras_lr.Product", "schedules": [LINE_CONFIG, LINE_CONFIG]},
        klr.Product([LINE, LINE]),
    ),
    "a policy with a class": (
        {
            "_target_": "keras_lr.one_cycle",
            "peak": 0.4,
            "steps": EPOCHS,
            "curve": {"_target_": "hydra.utils.get_class", "path": "keras_lr.Linear"},
        },
        klr.one_cycle(0.4, steps=klr.epochs(2), curve=klr.Linear),
    ),
}


@klr.schedule(package="tests_of_hydra")
class Chosen(klr.Schedule):
    """value = choices[0]"""

    choices: tuple

    def at(self, step):
        return step.full(self.choices[0])


@klr.schedule(package="tests_of_hydra")
class ChosenLater(Chosen):
    """value = choices[index]"""

    index: int = 1

    def at(self, step):
        return step.full(self.choices[self.index])


def configs_in(config):
    """All dictionaries in a config, it and those inside."""
    inner = config.values() if isinstance(config, dict) else config if isinstance(config, list | tuple) else []
    return [config, *(found for item in inner for found in configs_in(item))]


def config_of(content):
    return omegaconf.OmegaConf.create(content, flags={"allow_objects": True})


@pytest.mark.parametrize("value", OBJECTS.values(), ids=OBJECTS.keys())
def test_objects_stay_what_they_are(value):
    """In lists, dictionaries, merged, copied and written to containers, each is the object that was put in."""
    config = config_of({"alone": value, "listed": [value], "nested": {"inside": [[value]]}})
    both = omegaconf.OmegaConf.merge({"other": 1}, copy.deepcopy(config))
    for found in (config.alone, config.listed[0], config.nested.inside[0][0], both.alone, both.listed[0]):
        assert type(found) is type(value) and found == value
    assert omegaconf.OmegaConf.to_container(config)["listed"] == [value]


@pytest.mark.parametrize("convert", ["none", "partial", "object", "all"])
@pytest.mark.parametrize("name", CONFIGS)
def test_instantiate(name, convert):
    """Hydra makes of a config what the same call makes."""
    config, expected = CONFIGS[name]
    assert instantiate({**config, "_convert_": convert}) == expected
    assert instantiate(config_of(config), _convert_=convert) == expected


def test_optimizer_and_callbacks():
    """A whole optimizer from a config, with a rate and a rule, and callbacks beside it."""
    rate, expected = CONFIGS["members and spans in lists"]
    config = {
        "optimizer": {
            "_target_": "keras_lr.scheduled",
            "optimizer": {"_target_": "keras.optimizers.SGD", "learning_rate": rate, "momentum": 0.9},
            "momentum": {"_target_": "keras_lr.AdaptiveMomentum"},
        },
        "callbacks": [{"_target_": "keras_lr.BindSpans"}, {"_target_": "keras_lr.Monitor"}],
    }
    made = instantiate(config)
    assert isinstance(made.optimizer, keras.optimizers.SGD)
    assert keras.saving.serialize_keras_object(expected) in configs_in(made.optimizer.get_config())
    assert [type(callback) for callback in made.callbacks] == [klr.BindSpans, klr.Monitor]


def test_schedules_of_ones_own():
    """They take the lists of OmegaConf for tuples, also nested and with schedules in them."""
    assert Chosen(omegaconf.OmegaConf.create([0.1, 0.2])) == Chosen((0.1, 0.2))
    target = f"{__name__}.Chosen"
    assert instantiate({"_target_": target, "choices": [[0.1, 0.2], [0.3]]}) == Chosen(((0.1, 0.2), (0.3,)))
    assert instantiate({"_target_": target, "choices": [LINE_CONFIG, EPOCHS]}) == Chosen((LINE, klr.epochs(2)))
    with pytest.raises(TypeError, match="Argument `choices` of `Chosen` must be"):
        Chosen(omegaconf.OmegaConf.create({"a": 0.1}))


def test_what_dataclasses_have():
    """Arguments are inherited; pickle, deepcopy, `copy.replace` and `match` work; nothing can be assigned."""
    later = ChosenLater((0.1, 0.2), index=0)
    assert later.values(1) == 0.1 and ChosenLater((0.1, 0.2)).values(1) == 0.2
    for value in [later, *OBJECTS.values()]:
        assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)
    if hasattr(copy, "replace"):
        assert copy.replace(LINE, steps=20) == klr.Linear(0.1, 0.0, steps=20)
    match LINE:
        case klr.Linear(start, end=0.0):
            assert start == 0.1
        case _:
            pytest.fail("no match")
    for value, name in [(LINE, "start"), (klr.epochs(2), "amount"), (klr.AdaptiveMomentum(), "peak")]:
        with pytest.raises(AttributeError):
            setattr(value, name, 1)
