"""`LiveControl`: commands that are written while a `fit` runs, by the rates that the weights show."""

import contextlib
import json
import os

import keras
import numpy as np
import pytest
from keras import optimizers
from models import Applied, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr
from keras_lr.callbacks import live_commands


class Edit(keras.callbacks.Callback):
    """Writes contents into the file, each just before its epoch or its step; stands before `LiveControl`."""

    def __init__(self, path, epochs=None, steps=None):
        super().__init__()
        self.path, self.epochs, self.steps = path, epochs or {}, steps or {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch in self.epochs:
            write(self.path, self.epochs[epoch], epoch)

    def on_train_batch_begin(self, batch, logs=None):
        step = int(self.model.optimizer.iterations) if self.steps else None
        if step in self.steps:
            write(self.path, self.steps[step], step)


def write(path, content, time=0):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, (1e9 + time, 1e9 + time))  # a clock too coarse would hide that it was written again


def rate(**command):
    return {"learning_rate": command}


def run(tmp_path, optimizer, edits, epochs=4, batches=1, every=None, within=None, extra=()):
    """The rates that were applied, the callback and the model; with `within`, edits by step."""
    path, seen = tmp_path / "control.json", Applied()
    control = klr.LiveControl(path, every=every, verbose=0)
    model = optimizer if isinstance(optimizer, keras.Model) else rate_meter(optimizer)
    callbacks = [Edit(path, edits, within), control, *extra, seen]
    model.fit(*ones(batches), batch_size=1, epochs=epochs, callbacks=callbacks, verbose=0)
    return seen.rates, control, model


FALLING = klr.Linear(8.0, 0.0, steps=8)
KERAS_OWN = keras.optimizers.schedules.PolynomialDecay(8.0, 8, end_learning_rate=0.0)
OPTIMIZERS = {
    "number": lambda: optimizers.SGD(8.0),
    "schedule": lambda: optimizers.SGD(klr.Constant(8.0)),
    "Keras' own": lambda: optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(8.0, 1, 1.0)),
    "nested": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(klr.Constant(8.0))),
    "scheduled": lambda: klr.scheduled(optimizers.SGD(8.0), weight_decay=0.0),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_set_and_multiply_any_rate(optimizer, tmp_path):
    """Numbers and schedules are multiplied and set from the epoch on, each content once."""
    edits = {1: rate(multiply=0.5), 3: rate(multiply=0.25), 4: rate(set=3.0), 5: rate(multiply=2)}
    rates, control, _ = run(tmp_path, optimizer(), edits, epochs=6)
    np.testing.assert_allclose(rates, [8, 4, 4, 1, 3, 6], rtol=1e-5)
    assert [entry["value"] for entry in control.applied] == [4.0, 1.0, 3.0, 6.0]


@pytest.mark.parametrize("rate_before", [8.0, klr.Constant(8.0)], ids=["number", "schedule"])
def test_a_trained_model(rate_before, tmp_path):
    """A model that was trained without the callback obeys it, too."""
    model = rate_meter(optimizers.SGD(rate_before))
    model.fit(*ones(1), batch_size=1, verbose=0)
    rates, _, _ = run(tmp_path, model, {1: rate(multiply=0.5), 2: rate(set=1.0)}, epochs=3)
    np.testing.assert_allclose(rates, [8, 4, 1], rtol=1e-5)


@pytest.mark.parametrize("schedule", [FALLING, KERAS_OWN], ids=["ours", "Keras' own"])
def test_hold_and_release(schedule, tmp_path):
    """A held schedule keeps its value, also under a factor, and then goes on at its own step."""
    edits = {2: rate(hold=True), 3: rate(multiply=0.5), 5: rate(hold=False), 7: rate(set=1)}
    rates, _, _ = run(tmp_path, optimizers.SGD(schedule), edits, epochs=8)
    np.testing.assert_allclose(rates, [8, 7, 6, 3, 3, 1.5, 1, 1], rtol=1e-5)


def test_a_held_schedule_under_accumulation(tmp_path):
    """A schedule of updates is held and released as one: batches do not become its steps."""
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    klr.scheduled(optimizer, learning_rate=FALLING)
    held, _, model = run(tmp_path, optimizer, {1: rate(hold=True)}, epochs=2, batches=4, extra=[klr.BindSpans()])
    released, _, _ = run(tmp_path, model, {1: rate(hold=False)}, epochs=2, batches=4, extra=[klr.BindSpans()])
    np.testing.assert_allclose(held + released, [0, 8, 0, 7, 0, 6, 0, 6, 0, 6, 0, 6, 0, 2, 0, 1], rtol=1e-5)


@pytest.mark.parametrize("rate_before", [8.0, klr.Constant(8.0)], ids=["number", "schedule"])
def test_within_an_epoch(rate_before, tmp_path):
    """With `every` the file is looked at after so many batches, else at epochs only."""
    edits = {1: rate(multiply=0.5), 5: rate(set=1.0)}
    rates, control, _ = run(tmp_path, optimizers.SGD(rate_before), {}, 1, 8, every=2, within=edits)
    np.testing.assert_allclose(rates, [8, 8, 4, 4, 4, 4, 1, 1], rtol=1e-5)
    assert [(entry["batch"], entry["iteration"]) for entry in control.applied] == [(2, 2), (6, 6)]
    (tmp_path / "control.json").unlink()
    rates, _, _ = run(tmp_path, optimizers.SGD(rate_before), {}, 2, 4, within={1: rate(multiply=0.5)})
    np.testing.assert_allclose(rates, [8, 8, 8, 8, 4, 4, 4, 4], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: optimizers.SGD(0.1, momentum=0.9), "momentum"),
        (lambda: optimizers.RMSprop(0.01), "rho"),
        # Keras' own correction of the bias, as it was chosen, for the reference has it.
        (lambda: klr.scheduled(optimizers.Adam(0.01), correct_bias=False, beta_1=True), "beta_1"),
    ],
    ids=["momentum", "rho", "beta_1"],
)
def test_other_hyperparameters(make, name, tmp_path):
    """They lead to the weights of an eager run that sets the attribute, from a batch or an epoch on."""

    class SetAttribute(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            step = int(self.model.optimizer.iterations)
            if step in (2, 16):
                setattr(self.model.optimizer, name, {2: 0.5, 16: 0.25}[step])

    path, options = tmp_path / "control.json", {"batch_size": 4, "shuffle": False, "verbose": 0, "epochs": 2}
    reference, model = classifier(make(), run_eagerly=True), classifier(make())
    reference.fit(*flowers(), callbacks=[SetAttribute()], **options)
    half = {name: {"multiply": 0.5}}
    control = klr.LiveControl(path, every=2, verbose=0)
    model.fit(*flowers(), callbacks=[Edit(path, {1: half}, {1: {name: {"set": 0.5}}}), control], **options)
    assert [entry["value"] for entry in control.applied] == [0.5, 0.25]
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=3e-6)


def test_a_momentum_that_follows_a_schedule(tmp_path):
    """It is held, released and replaced by a number, and a factor for it is refused."""
    optimizer = klr.scheduled(optimizers.SGD(1.0, momentum=0.9), momentum=klr.Table([0.0, 0.5, 0.25, 0.75, 0.0]))
    momentum = [{"hold": True}, {"multiply": 0.5}, {"hold": False}, {"set": 0.5}]
    edits = {epoch: {"momentum": command} for epoch, command in enumerate(momentum, start=1)}
    rates, control, _ = run(tmp_path, optimizer, edits, epochs=5)
    expected = [1.0]
    for value in (0.5, 0.5, 0.75, 0.5):
        expected.append(value * expected[-1] + 1)
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    assert [entry["command"] for entry in control.applied] == [momentum[0], *momentum[2:]]


def test_a_momentum_that_follows_a_rule(tmp_path, capsys):
    """A rule can't be held, released or multiplied: that is reported, with the whole file; a number replaces it."""
    path, seen = tmp_path / "control.json", Applied()
    commands = [{"hold": True}, {"hold": False}, {"multiply": 0.5}, {"set": 0.5}]
    edits = {epoch: {"learning_rate": {"set": 1}, "momentum": command} for epoch, command in enumerate(commands)}
    model = rate_meter(klr.scheduled(optimizers.SGD(4.0, momentum=0.9), momentum=klr.AdaptiveMomentum()))
    callbacks = [Edit(path, edits), klr.LiveControl(path), seen]
    for epoch in range(3):
        model.fit(*ones(1), initial_epoch=epoch, epochs=epoch + 1, callbacks=callbacks, verbose=0)
        assert float(model.optimizer.learning_rate) == 4.0
    assert capsys.readouterr().out.count("`momentum` of `control.json` must be a command that fits: it ") == 3
    model.fit(*ones(1), initial_epoch=3, epochs=4, callbacks=callbacks, verbose=0)
    assert float(model.optimizer.learning_rate) == 1.0
    assert float(keras.ops.convert_to_numpy(model.optimizer.momentum)) == 0.5


def test_an_interrupted_file_is_not_applied_in_part(tmp_path, monkeypatch):
    """Ctrl-C between two changes of a file leaves none of them made, and the next `fit` makes both, once."""
    pressed, scheduled = [], live_commands.scheduled

    def interrupted(optimizer, **hyperparameters):
        if hyperparameters.get("momentum") == 0.5 and not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        return scheduled(optimizer, **hyperparameters)

    monkeypatch.setattr(live_commands, "scheduled", interrupted)
    model, path = rate_meter(optimizers.SGD(8.0, momentum=0.25)), tmp_path / "control.json"
    write(path, {"learning_rate": {"multiply": 0.5}, "momentum": {"set": 0.5}})
    for rate, momentum in ((8.0, 0.25), (4.0, 0.5), (4.0, 0.5)):
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(*ones(1), callbacks=[klr.LiveControl(path, verbose=0)], verbose=0)
        assert pressed and float(model.optimizer.learning_rate) == rate
        assert float(keras.ops.convert_to_numpy(model.optimizer.momentum)) == momentum
    assert int(model.optimizer.iterations) == 2


def test_several_optimizers(tmp_path):
    """A factor keeps the ratio of the optimizers inside, also of a number to a schedule; a number is for all."""
    if not hasattr(optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    parts = optimizers.SGD(1.0, momentum=0.5), optimizers.Adam(klr.Constant(0.5))
    optimizer = optimizers.MultiOptimizer(optimizers.OptimizerMap(parts[0], {".*nothing.*": parts[1]}))
    edits = {1: rate(multiply=0.5), 2: {"momentum": {"set": 0.25}}, 3: rate(set=3), 4: rate(hold=True)}
    rates, control, _ = run(tmp_path, optimizer, edits, epochs=5)
    np.testing.assert_allclose(rates, [1, 1, 0.75, 3.1875, 3.796875], rtol=1e-5)
    assert [entry["value"] for entry in control.applied] == [[0.25, 0.5], 0.25, [3.0, 3.0]]


def test_stop(tmp_path):
    """The training ends after the whole epoch, and the next `fit` with the same file does not."""
    rates, control, model = run(tmp_path, optimizers.SGD(1.0), {1: {"stop": True}}, epochs=4, batches=3)
    assert len(rates) == 6 and control.applied[0]["command"] == {"stop": True}
    assert len(run(tmp_path, model, {}, epochs=2, batches=3)[0]) == 6


@pytest.mark.parametrize("rate_before", [8.0, klr.Constant(8.0)], ids=["number", "schedule"])
def test_a_restart_repeats_nothing(rate_before, tmp_path):
    """A content that was applied is not applied to the saved and loaded model; a held schedule can be released."""
    model = run(tmp_path, optimizers.SGD(rate_before), {0: rate(multiply=0.5)}, epochs=2)[2]
    loss = model.loss
    model.compile(optimizer=model.optimizer, loss="mse")
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    model.compile(optimizer=model.optimizer, loss=loss)
    np.testing.assert_allclose(run(tmp_path, model, {1: rate(multiply=0.5)}, epochs=2)[0], [4, 2], rtol=1e-5)


def test_a_damaged_mark(tmp_path):
    """Where the saved mark of what was applied can't be one, it warns, and applies the file again."""
    rates, _, model = run(tmp_path, optimizers.SGD(klr.Constant(8.0)), {0: rate(multiply=0.5)}, epochs=1)
    model.optimizer._managed.callback_state["live_control"] = np.array([1.0, np.nan])
    with pytest.warns(UserWarning, match="saved record of the last applied file is damaged"):
        again, _, _ = run(tmp_path, model, {}, epochs=1)
    np.testing.assert_allclose([*rates, *again], [4.0, 2.0])


def test_a_held_schedule_is_saved(tmp_path):
    """A loaded model holds the value, and the schedule can be released there."""
    model = run(tmp_path, optimizers.SGD(FALLING), {1: rate(hold=True)}, epochs=3)[2]
    loss = model.loss
    model.compile(optimizer=model.optimizer, loss="mse")
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    model.compile(optimizer=model.optimizer, loss=loss)
    np.testing.assert_allclose(run(tmp_path, model, {1: rate(hold=False)}, epochs=2)[0], [7, 4], rtol=1e-5)


def test_a_restored_backup_is_as_it_was(tmp_path):
    """What was applied after the backup is applied again, what was applied before it is not."""

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 3:
                raise KeyboardInterrupt

    path = tmp_path / "control.json"
    control = klr.LiveControl(path, verbose=0)
    for last in (False, True):
        model, seen = rate_meter(optimizers.SGD(klr.Constant(8.0))), Applied()
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        edits = {} if last else {0: rate(multiply=0.5), 2: rate(multiply=0.25)}
        callbacks = [backup, Edit(path, edits), control, seen]
        try:
            model.fit(*ones(1), epochs=4, callbacks=callbacks + ([] if last else [Kill()]), verbose=0)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(applied(model), 4 + 4 + 1 + 1, rtol=1e-5)


BAD = {
    "half written": '{"learning_rate": {"set": 1',
    "no object": "[1]",
    "no text": "\udcff",
    "no hyperparameter": {"lr": {"set": 1.0}},
    "not of this optimizer": {"beta_1": {"set": 0.5}},
    "no slots": {"momentum": {"set": 0.5}},
    "no command": {"learning_rate": 1.0},
    "unknown command": rate(divide=2),
    "two commands": rate(set=1.0, hold=True),
    "negative": rate(set=-1.0),
    "no number": rate(set="1"),
    "true": rate(set=True),
    "NaN": '{"learning_rate": {"set": NaN}}',
    "too large": rate(set=1e300),
    "400 zeros": '{"learning_rate": {"set": 1' + "0" * 400 + "}}",
    "a factor of 400 zeros": '{"learning_rate": {"multiply": 1' + "0" * 400 + "}}",
    "factor 0": rate(multiply=0),
    "too large a factor": rate(multiply=1e38),
    "not below 1": {"ema_momentum": {"set": 1.0}},
    "nothing to hold": rate(hold=True),
    "nothing to release": rate(hold=False),
    "stop what": {"stop": 1},
    "half right": {"learning_rate": {"set": 1.0}, "ema_momentum": {"set": 1.0}, "stop": True},
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_content(content, tmp_path, capsys):
    """It is reported once, in one line, and changes nothing; what is written later is applied."""
    path, seen = tmp_path / "control.json", Applied()
    if content == BAD["no text"]:
        path.write_bytes(b"\xff\xfe\xff")
        content = None
    elif not isinstance(content, str):
        content = json.dumps(content)
    control = klr.LiveControl(path, every=1)
    edit = Edit(path, {0: content, 3: rate(set=1.0)} if content else {3: rate(set=1.0)})
    model = rate_meter(optimizers.SGD(8.0))
    model.fit(*ones(2), batch_size=1, epochs=4, callbacks=[edit, control, seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [8] * 6 + [1] * 2, rtol=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"LiveControl ignores {path}: ") and len(lines) == 2
    assert lines[1] == 'LiveControl: epoch 3, batch 0: learning_rate {"set": 1.0} -> 1.0'


def test_no_file_an_empty_one_and_an_unreadable_one(tmp_path, capsys):
    """A missing or empty file is no news, a folder in its place is reported once."""
    rates, control, _ = run(tmp_path, optimizers.SGD(8.0), {1: "", 2: " \n", 3: "{}"})
    np.testing.assert_allclose(rates, [8] * 4, rtol=1e-5)
    assert control.applied == [] and not control.log_path.exists()
    model = rate_meter(optimizers.SGD(8.0))
    model.fit(*ones(1), epochs=3, callbacks=[klr.LiveControl(tmp_path)], verbose=0)
    assert capsys.readouterr().out.count("ignores") == 1


def test_the_record(tmp_path):
    """What was applied, and when, is in the attribute and in the lines of a file beside the other."""
    _, control, _ = run(tmp_path, optimizers.SGD(8.0), {1: rate(multiply=0.5), 2: {"stop": True}}, batches=2)
    without_time = [{k: v for k, v in entry.items() if k != "time"} for entry in control.applied]
    at = {"batch": 0, "hyperparameter": "learning_rate", "command": {"multiply": 0.5}, "value": 4.0}
    stop = {"batch": 0, "hyperparameter": None, "command": {"stop": True}, "value": None}
    assert without_time == [{"epoch": 1, "iteration": 2, **at}, {"epoch": 2, "iteration": 4, **stop}]
    assert control.log_path == tmp_path / "control.applied.jsonl"
    assert [json.loads(line) for line in control.log_path.read_text().splitlines()] == control.applied


def test_with_a_plateau_and_against_a_setter(tmp_path, capsys):
    """It works on top of `PlateauReducer`; what another callback sets is refused when it is asked for."""
    reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, mode="max")
    edits = {1: rate(multiply=0.5), 3: rate(hold=True)}
    rates, _, _ = run(tmp_path, optimizers.SGD(klr.Linear(8.0, 0.0, steps=8)), edits, epochs=5, extra=[reducer])
    factors = np.array(rates) / [8, 7, 6, 5, 5]
    np.testing.assert_allclose(factors[:2], [1, 0.5], rtol=1e-5)
    assert reducer.total_factor < 0.5
    for other in (klr.EpochSchedule(lambda epoch: 2.0), keras.callbacks.LearningRateScheduler(lambda epoch: 2.0)):
        rates, control, _ = run(tmp_path, optimizers.SGD(8.0), {1: rate(set=1.0)}, epochs=3, extra=[other])
        np.testing.assert_allclose(rates, [2] * 3, rtol=1e-5)
        assert control.applied == []


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"path": 1}, "path"),
        ({"path": ""}, "path"),
        ({"every": 0}, "every"),
        ({"every": 1.5}, "every"),
        ({"verbose": 2}, "verbose"),
    ],
)
def test_bad_arguments(arguments, name):
    """Arguments are checked at construction."""
    with pytest.raises((TypeError, ValueError), match=f"`{name}` of `LiveControl` must be"):
        klr.LiveControl(**({"path": "control.json"} | arguments))
