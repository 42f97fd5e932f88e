"""Makes files_of_0_1_0/ or files_of_0_2_0/: what that version of keras_lr saved, and what must come out of it.

    cd CHECKOUT_OF_THE_VERSION && python PATH/TO/tests/data/make_files.py

It runs on TensorFlow. Each case of a version is a small model that is compiled with one optimizer, trained for two
epochs and saved. What must come out is in expected.json, a line for each case, after one with the data that all were
trained on: the repr and the values of each schedule in the optimizer; then, after one more epoch of the loaded model,
its weights, the number of iterations and the hyperparameters. In those of 0.1.0, all parts of the schedules begin on
whole steps.

From 0.2.0 on, configs.json has the config of every schedule in tests/cases.py, of every rule and of the optimizers, a
line for each, with the repr and the values of the schedules in it.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.getcwd())

import keras
import numpy as np

import keras_lr as klr

FOLDER = Path(__file__).with_name("files_of_" + klr.__version__.replace(".", "_"))
BATCH_SIZE, EPOCHS, STEPS = 4, 2, 16  # of an epoch
SHOWN = [*range(10), 12, 16, 20, 24, 28, 31, 32, 40, 47, 48, 64, 1499, 1500, 2000]
FEW = [-1, 0, 1, 3, 15, 100, 937, 2**24 + 1]  # for configs
PLATEAU = {"monitor": "loss", "mode": "max", "factor": 0.5, "patience": 2}  # a loss that falls is no improvement


def sgd(rate, **options):
    return lambda model: keras.optimizers.SGD(rate, momentum=0.9, **options)


def adam(rate):
    return lambda model: keras.optimizers.Adam(rate)


def scheduled_adamw(model):
    optimizer = klr.scheduled(
        keras.optimizers.AdamW(klr.one_cycle(0.05, steps=klr.epochs(3), warmup=0.25)),
        beta_1=klr.one_cycle_momentum(steps=klr.epochs(3), warmup=0.25),
        weight_decay=True,
    )
    optimizer.weight_decay = 0.03
    return optimizer


def adaptive_momentum(model):
    return klr.scheduled(keras.optimizers.SGD(klr.Linear(0.1, 0.05, steps=40)), momentum=klr.AdaptiveMomentum())


def layerwise(model):
    rate = klr.Linear(0.05, 0.0, steps=klr.epochs(4))
    return klr.layerwise(model, keras.optimizers.SGD(rate, momentum=0.9), {"body": 0.5})


def prodigy(model):
    rate = klr.Warmup(klr.Cosine(1.0, 0.1, steps=klr.epochs(4) - 8), steps=klr.epochs(0.3))
    rule = klr.Prodigy(klr.Product([rate, klr.Intervals(klr.epochs(2.5), [1.0, 0.5])]), initial=1e-3)
    optimizer = klr.scheduled(keras.optimizers.Adam(weight_decay=0.03), learning_rate=rule, weight_decay=True)
    return klr.scheduled(optimizer, beta_1=klr.one_cycle_momentum(steps=klr.epochs(4), warmup=0.25))


RISE, FALL = klr.Linear(0.01, 0.1, steps=8), klr.Cosine(0.1, 0.01, steps=20)
LONG = 0.05 + 0.02 * np.sin(np.arange(1500) / 10)
CASES_OF_0_1_0 = {
    "sequence": sgd(klr.Sequence([RISE, FALL, 0.01], boundaries=[8, 28])),
    "one_cycle": adam(klr.one_cycle(0.05, steps=klr.epochs(3), warmup=0.25)),
    "repeat_growth": sgd(klr.Repeat(klr.Cosine(0.1, 0.0, steps=8), period=8, growth=2.0)),
    "repeat_periods": adam(klr.Repeat(klr.Linear(0.05, 0.01, steps=4), period=[4, 8, 20])),
    "repeat_shrink": sgd(klr.Repeat(klr.Linear(0.1, 0.02, steps=6), period=6, shrink=0.5, cycles=5)),
    "table": adam(klr.Table([0.05, 0.04, 0.03, 0.02, 0.01])),
    "table_long": sgd(klr.Table(LONG)),
    "intervals_epochs": adam(klr.Intervals(klr.epochs(1, 2.5), [0.05, 0.02, 0.01])),
    "knots": sgd(klr.Knots([4, 20, 40], [0.0, 0.1, 0.02, 0.0], interpolation="cosine")),
    "noise": adam(klr.Noise(klr.Linear(0.05, 0.01, steps=40), scale=0.5, seed=3)),
    "stretch": sgd(klr.Stretch(klr.Sequence([klr.Linear(0.01, 0.1, steps=4), FALL], boundaries=[4]), 2.0)),
    "warmup_of_keras": sgd(klr.Warmup(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), steps=8)),
    "per_update": sgd(klr.PerUpdate(klr.Linear(0.1, 0.02, steps=10), batches=4), gradient_accumulation_steps=4),
    "per_update_bound": sgd(klr.Intervals(klr.epochs(1, 2), [0.1, 0.05, 0.02]), gradient_accumulation_steps=2),
    "rescale": adam(klr.Rescale(RISE, target=[0.06, 0.02], source=[0.01, 0.1])),
    "clip": sgd(klr.Clip(klr.Exponential(0.2, 0.5, steps=8), minimum=0.02, maximum=0.1)),
    "exponential_examples": adam(klr.Exponential(0.05, 0.5, steps=klr.examples(32), staircase=True)),
    "scheduled_adamw": scheduled_adamw,
    "adaptive_momentum": adaptive_momentum,
    "plateau": sgd(klr.Cosine(0.1, 0.01, steps=klr.epochs(8))),
    "layerwise": layerwise,
}
CASES = {"0.1.0": CASES_OF_0_1_0, "0.2.0": {"prodigy": prodigy}}.get(klr.__version__)


def make_data():
    random = np.random.default_rng(0)
    x = random.normal(size=[BATCH_SIZE * STEPS, 4]).astype("float32")
    return x, np.tanh(x[:, :1]) + 0.5 * x[:, 1:2]


def make_model():
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(6, activation="tanh", name="body")
    return keras.Sequential([keras.Input([4]), hidden, keras.layers.Dense(1, name="head")])


def fit(model, data, epochs, callbacks):
    model.fit(*data, batch_size=BATCH_SIZE, shuffle=False, epochs=epochs, callbacks=callbacks, verbose=0)


def schedules_in(config):
    """The schedules in the config of an optimizer, those inside others left out."""
    if isinstance(config, dict):
        cls = keras.saving.get_registered_object(str(config.get("registered_name")))
        if isinstance(cls, type) and issubclass(cls, klr.Schedule):
            return [keras.saving.deserialize_keras_object(config)]
        config = list(config.values())
    return [schedule for item in config for schedule in schedules_in(item)] if isinstance(config, list | tuple) else []


def repr_of(schedule):
    """`None` where a schedule of Keras is inside, which has an address for its repr."""
    return None if " at 0x" in repr(schedule) else repr(schedule)


def numbers_of(optimizer):
    """The hyperparameters as they are now."""
    parts = getattr(optimizer, "optimizers", [optimizer])
    known = ("learning_rate", "momentum", "beta_1", "weight_decay")
    names = [name for name in known if getattr(parts[0], name, None) is not None]
    return {name: [rounded(getattr(part, name)) for part in parts] for name in names}


def rounded(values):
    """As many digits as a float32 has."""
    return np.vectorize(lambda value: float(f"{value:.9g}"), otypes=[float])(values).tolist()


def make(name, data):
    model = make_model()
    model.compile(optimizer=CASES[name](model), loss="mse")
    more = [klr.PlateauReducer(**PLATEAU)] if name == "plateau" else []
    fit(model, data, 2 * EPOCHS if more else EPOCHS, [klr.BindSpans(), *more])
    path = FOLDER / f"{name}.keras"
    model.save(path)

    loaded = keras.saving.load_model(path)
    schedules = schedules_in(keras.saving.serialize_keras_object(loaded.optimizer))
    fit(loaded, data, 1, [klr.PlateauReducer(**PLATEAU)] if more else [])
    return {
        "plateau": PLATEAU if more else None,
        "schedules": [{"repr": repr_of(schedule), "values": schedule.values(SHOWN).tolist()} for schedule in schedules],
        "weights": [rounded(weight) for weight in loaded.get_weights()],
        "iterations": int(loaded.optimizer.iterations),
        "numbers": numbers_of(loaded.optimizer),
    }


def objects():
    """What is saved by its config, by name."""
    sys.path.insert(0, "tests")
    import cases

    from keras_lr.callbacks.live_commands import Held

    yield from ((name, case.schedule) for name, case in cases.CASES.items())
    yield "bound lengths", klr.one_cycle(0.4, steps=klr.epochs(12) - 8).bind(steps_per_epoch=100)
    yield "held by `LiveControl`", Held(FALL, 0.03)
    yield "Prodigy", klr.Prodigy(FALL, initial=1e-4)
    yield "DAdaptation", klr.DAdaptation(FALL, initial=1e-4)
    yield "DoWG", klr.DoWG(FALL, initial=1e-4)
    yield "AdaptiveMomentum", klr.AdaptiveMomentum(start=0.1, usual=0.8, peak=0.9)
    yield "scheduled", klr.scheduled(keras.optimizers.AdamW(0.1), learning_rate=klr.Prodigy(FALL), beta_1=RISE)
    yield "layerwise", layerwise(make_model())


def config(thing):
    saved = keras.saving.serialize_keras_object(thing)
    parts = [keras.saving.deserialize_keras_object(saved)] if isinstance(thing, klr.Schedule) else schedules_in(saved)
    shown = [(part, part.values(FEW) if part.is_bound else []) for part in parts]
    return {
        "config": saved,
        "repr": repr(thing) if isinstance(thing, klr.Rule) else None,
        "schedules": [{"repr": repr_of(part), "values": rounded(values)} for part, values in shown],
    }


def write(name, rows):
    lines = [f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items()]
    (FOLDER / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    if CASES is None:
        raise SystemExit(f"There are no cases for version {klr.__version__}, which is in {klr.__path__[0]}.")
    FOLDER.mkdir(exist_ok=True)
    data = make_data()
    common = {"batch_size": BATCH_SIZE, "x": rounded(data[0]), "y": rounded(data[1]), "steps": SHOWN}
    write("expected.json", {"": common, **{name: make(name, data) for name in CASES}})
    if klr.__version__ != "0.1.0":
        write("configs.json", {"": FEW, **{name: config(thing) for name, thing in objects()}})


if __name__ == "__main__":
    main()
