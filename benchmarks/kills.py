"""Kills training runs at random moments, restarts them until they are done, and compares them with uninterrupted ones.

    python benchmarks/kills.py 100        # kills; KERAS_BACKEND selects the backend

    python benchmarks/kills.py 30 --writes    # only while `BackupAndRestore` writes

Each run is a process forked from this one, which has imported Keras but not used it. It is killed by SIGKILL, before a
batch drawn at random, or some milliseconds after the end of an epoch drawn at random, while its checkpoint is written.
It is then started again, and restores what Keras saved. What is drawn depends on `--seed` alone.
"""

import argparse
import contextlib
import dataclasses
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_lr as klr

EPOCHS, STEPS, BATCH = 6, 42, 4  # 42 steps are enough for a window of `AdaptiveMomentumRamp`
LATEST = 0.03  # seconds from the end of an epoch to a kill; to write a checkpoint takes about as long


class Commands(keras.callbacks.Callback):
    """Writes a command for `LiveControl` before the third epoch, as a user would."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            self.path.write_text('{"learning_rate": {"multiply": 0.5}, "weight_decay": {"set": 0.01}}')


def plateau():
    return klr.PlateauReducer("loss", factor=0.5, patience=2, every=15, threshold=0.02)


def schedules(folder):
    """A bound schedule, a scheduled momentum, reductions in parts of an epoch."""
    rate = klr.one_cycle(0.05, steps=klr.epochs(EPOCHS))
    optimizer = klr.scheduled(keras.optimizers.SGD(rate, momentum=0.9), momentum=klr.one_cycle_momentum(STEPS * EPOCHS))
    return optimizer, [klr.BindSpans(), plateau(), klr.Monitor()]


def ramp(folder):
    """A momentum that follows the gradients and the loss, and a rate that is reduced."""
    return keras.optimizers.SGD(0.01), [klr.AdaptiveMomentumRamp(), plateau(), klr.Monitor()]


def live(folder):
    """Commands in a file, on top of a schedule."""
    path = folder / "control.json"
    rate = klr.Repeat(klr.warmup_cosine(0.01, steps=50), 50, shrink=0.7)
    beta_1 = klr.Linear(0.8, 0.95, STEPS * EPOCHS)
    optimizer = klr.scheduled(keras.optimizers.AdamW(rate), beta_1=beta_1, weight_decay=True)
    return optimizer, [Commands(path), klr.LiveControl(path, verbose=0), klr.Monitor()]


def rule(folder):
    """A rate that adapts to the gradients, with state for each weight, times a schedule that is reduced."""
    rate = klr.Prodigy(klr.Cosine(1.0, 0.0, steps=klr.epochs(EPOCHS)), initial=1e-3)
    optimizer = klr.scheduled(keras.optimizers.Adam(), learning_rate=rate)
    return optimizer, [klr.BindSpans(), plateau(), klr.Monitor()]


SCENARIOS = {function.__name__: function for function in (schedules, ramp, live, rule)}
# How a run is saved, and when it is killed: `BackupAndRestore` writes two files in place, one after the other.
WAYS = {"BackupAndRestore": ["batch"], "ModelCheckpoint": ["batch", "write"]}


class Events(keras.callbacks.Callback):
    """Tells the parent when it is time to kill this process."""

    def __init__(self, kind, moment, pipe):
        super().__init__()
        self.kind, self.left, self.pipe = kind, moment, pipe

    def count(self, kind):
        self.left -= kind == self.kind
        if self.left == 0 and kind == self.kind:
            os.write(self.pipe, b"!")
            if kind == "batch":
                time.sleep(60)  # so that it is killed here

    def on_train_batch_begin(self, batch, logs=None):
        self.count("batch")

    def on_epoch_end(self, epoch, logs=None):
        self.count("write")


def newest(folder):
    """The newest checkpoint that can be loaded; `None` if there is none."""
    for path in sorted(folder.glob("run-*.keras"), reverse=True):
        try:
            return keras.saving.load_model(path)
        except Exception as error:  # the one that was being written when the run was killed
            print(f"{path.name}: {type(error).__name__}", file=sys.stderr)
    return None


def train(folder, scenario, way, events):
    """Train, from the beginning or from what was saved; what is to be compared, by name."""
    keras.utils.set_random_seed(1)
    random_numbers = np.random.default_rng(0)
    x = random_numbers.normal(size=[STEPS * BATCH, 5]).astype("float32")
    y = (x[:, 0] * x[:, 1] + 0.1 * random_numbers.normal(size=len(x))).astype("float32")
    optimizer, callbacks = SCENARIOS[scenario](folder)
    model = newest(folder) if way == "ModelCheckpoint" else None
    if model is None:
        layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input([5]), *layers])
        model.compile(optimizer=optimizer, loss="mse")
        initial_epoch = 0
    else:
        initial_epoch = int(model.optimizer.iterations) // STEPS
    if way == "ModelCheckpoint":
        saver = keras.callbacks.ModelCheckpoint(folder / "run-{epoch:03d}.keras")
    else:
        saver = keras.callbacks.BackupAndRestore(str(folder / "backup"), double_checkpoint=True)
    monitor = callbacks[-1]
    model.fit(
        x, y, batch_size=BATCH, shuffle=False, epochs=EPOCHS, initial_epoch=initial_epoch, verbose=0,
        callbacks=[*callbacks, events, saver],
    )  # fmt: skip
    found = {f"weight {n}": array for n, array in enumerate(model.get_weights())}
    variables = model.optimizer.variables
    found |= {f"variable {n}": keras.ops.convert_to_numpy(variable) for n, variable in enumerate(variables)}
    state = model.optimizer._managed.callback_state
    # The digest that `LiveControl` keeps has the time of the file in it.
    found |= {f"state {name}": array for name, array in state.items() if name != "live_control"}
    return found | {f"applied {name}": values[-STEPS:] for name, values in monitor.steps.items()}


def attempt(folder, scenario, way, kind="", moment=0, delay=0.0):
    """Train in a process that is killed; whether it was "killed", is "done", or "failed" by an error."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.close(reader)
            warnings.simplefilter("ignore")
            events = Events(kind, moment, writer)
            found = train(folder, scenario, way, events)
            np.savez(folder / "result.part.npz", **found)
            os.replace(folder / "result.part.npz", folder / "result.npz")
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    try:
        is_time = os.read(reader, 1)  # empty once the process has ended
    except KeyboardInterrupt:
        os.kill(process, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
    if is_time:
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    if os.WIFSIGNALED(status):
        return "killed"
    return "failed" if os.WEXITSTATUS(status) else "done"


@dataclasses.dataclass
class Count:
    kills: int = 0
    in_writes: int = 0
    runs: int = 0
    diverged: list = dataclasses.field(default_factory=list)


def measure(count, kills, seed=0, ways=WAYS):
    """Kill so many times, and count the runs that fail, or differ in a bit from the uninterrupted one."""
    draw, references, scenarios = random.Random(seed), {}, list(SCENARIOS)
    bar = keras.utils.Progbar(kills) if sys.stdout.isatty() else None
    while count.kills < kills:
        scenario, way = scenarios[count.runs % len(scenarios)], list(ways)[count.runs % len(ways)]
        folder = Path(tempfile.mkdtemp())
        if scenario not in references:
            attempt(folder, scenario, way)
            references[scenario] = load(folder / "result.npz")
            shutil.rmtree(folder)
            folder.mkdir()
        ended = "killed"
        while ended == "killed":
            kind = draw.choice(ways[way])
            moment = draw.randint(1, 3 * STEPS if kind == "batch" else 3)
            delay = draw.uniform(0, LATEST) if kind == "write" else 0.0
            ended = attempt(folder, scenario, way, kind if count.kills < kills else "", moment, delay)
            count.kills += ended == "killed"
            count.in_writes += ended == "killed" and kind == "write"
            if bar:
                bar.update(count.kills)
        differences = ["failed"] if ended == "failed" else compare(references[scenario], load(folder / "result.npz"))
        if differences:
            count.diverged.append((scenario, way, differences))
        count.runs += 1
        shutil.rmtree(folder)


def load(path):
    with np.load(path) as file:
        return dict(file)


def compare(expected, found):
    """The names under which two results differ. A run that was killed after its last save has applied nothing more."""
    names = [name for name in expected if name in found or not name.startswith("applied")]
    return [name for name in names if name not in found or not np.array_equal(expected[name], found[name])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--writes", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started this in the background
    begin = time.perf_counter()
    count = Count()
    with contextlib.suppress(KeyboardInterrupt):  # what was counted until then is printed
        measure(count, options.kills, options.seed, {"BackupAndRestore": ["write"]} if options.writes else WAYS)
    print(
        f"{keras.backend.backend()}: {count.kills} kills, {count.in_writes} of them while a checkpoint was written, in "
        f"{count.runs} runs: {len(count.diverged)} failed or diverged; {time.perf_counter() - begin:.0f} s"
    )
    for scenario, way, differences in count.diverged:
        print(f"  {scenario}, {way}: {', '.join(differences[:6])}")
    return bool(count.diverged)


if __name__ == "__main__":
    sys.exit(main())
