"""What users of other libraries write, and users of this one in the wrong place: the error says what to write."""

import functools
import inspect
import re
import sys
import traceback

import keras
import pytest
from keras import optimizers as opt
from models import applied, ones, rate_meter

import keras_lr as klr
from keras_lr.schedules import hints

# Those without keywords, those that take any, and what users do not make.
LEFT_OUT = {"Length", "Rule", "Schedule", "Span", "Step", "RangeTest", "TunedRate", "Comparison"}
LEFT_OUT |= {"epochs", "examples", "fraction", "rule", "schedule", "scheduled"}
PUBLIC = [getattr(klr, name) for name in klr.__all__ if name not in LEFT_OUT]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_every_other_name(function):
    """Each is refused with a sentence, or an argument that there is."""
    known = inspect.signature(function).parameters
    for name in [*hints.ARGUMENTS, "xyz"]:
        if name in known:
            continue
        message = rf"^`{function.__name__}` has no argument `{name}`\. [A-Z`].+Received: "
        with pytest.raises(TypeError, match=message) as caught:
            function(**{name: 1})
        found = re.search(r"(?:Pass|you mean) `(\w+)", str(caught.value))
        assert found is None or found[1] in known, str(caught.value)


@pytest.mark.parametrize(
    ("function", "name", "instead"),
    [
        # Keras
        (klr.Cosine, "initial_learning_rate", "Pass `start`"),
        (klr.Cosine, "decay_steps", "Pass `steps`"),
        (klr.Cosine, "alpha", "Pass `end=alpha * start`"),
        (klr.Cosine, "warmup_target", "Wrap the schedule in `keras_lr.Warmup("),
        (klr.Cosine, "warmup_steps", "Wrap the schedule in `keras_lr.Warmup("),
        (klr.Cosine, "name", "Leave it out"),
        (klr.Exponential, "decay_rate", "Pass `rate`"),
        (klr.Polynomial, "end_learning_rate", "Pass `end`"),
        (klr.warmup_cosine, "warmup_target", "Pass `peak`"),
        (klr.warmup_cosine, "alpha", "Pass `end=alpha * peak`"),
        (klr.sgdr, "first_decay_steps", "Pass `period`"),
        (klr.sgdr, "initial_learning_rate", "Pass `peak`"),
        (klr.sgdr, "t_mul", "Pass `growth`"),
        (klr.sgdr, "m_mul", "Pass `shrink`"),
        (klr.PlateauReducer, "min_delta", "Pass `threshold`, with `relative=False`"),
        (klr.Warmup, "verbose", "Use `keras_lr.Monitor`"),
        # torch
        (klr.one_cycle, "max_lr", "Pass `peak`"),
        (klr.one_cycle, "total_steps", "Pass `steps`"),
        (klr.one_cycle, "epochs", "Pass `steps=keras_lr.epochs(epochs)`"),
        (klr.one_cycle, "pct_start", "Pass `warmup`"),
        (klr.one_cycle, "div_factor", "Pass `start=peak / div_factor`"),
        (klr.one_cycle, "final_div_factor", "Pass `end=start / final_div_factor`"),
        (klr.one_cycle, "anneal_strategy", "Pass `curve`"),
        (klr.one_cycle, "cycle_momentum", "Schedule the momentum"),
        (klr.one_cycle, "optimizer", "Pass the schedule to the optimizer"),
        (klr.one_cycle_momentum, "base_momentum", "Pass `minimum`"),
        (klr.one_cycle, "last_epoch", "The optimizer counts"),
        (klr.Cosine, "T_max", "Pass `steps`"),
        (klr.Cosine, "eta_min", "Pass `end`"),
        (klr.sgdr, "T_0", "Pass `period`"),
        (klr.sgdr, "T_mult", "Pass `growth`"),
        (klr.multi_step, "milestones", "Pass `boundaries`"),
        (klr.multi_step, "gamma", "Pass `factor`"),
        (klr.Exponential, "gamma", "Pass `rate`"),
        (klr.Exponential, "step_size", "Pass `steps`"),
        (klr.triangular, "base_lr", "Pass `start`"),
        (klr.triangular, "step_size_up", "Pass `up`"),
        (klr.PlateauReducer, "threshold_mode", "Pass `relative`"),
        (klr.EpochSchedule, "lr_lambda", "Pass `schedule`"),
        (klr.Sequence, "schedulers", "Pass `schedules`"),
        # fastai, transformers
        (klr.one_cycle, "lr_max", "Pass `peak`"),
        (klr.one_cycle, "div", "Pass `start=peak / div`"),
        (klr.one_cycle, "div_final", "Pass `end=peak / div_final`"),
        (klr.one_cycle, "moms", "Schedule the momentum"),
        (klr.flat_cosine, "pct_start", "Pass `decay=1 - pct_start`"),
        (klr.find_learning_rate, "start_lr", "Pass `minimum`"),
        (klr.find_learning_rate, "end_lr", "Pass `maximum`"),
        (klr.find_learning_rate, "num_it", "Pass `steps`"),
        (klr.warmup_linear, "num_warmup_steps", "Pass `warmup`"),
        (klr.warmup_linear, "num_training_steps", "Pass `steps`"),
        (klr.warmup_linear, "warmup_epochs", "Pass `warmup=keras_lr.epochs(warmup_epochs)`"),
        (klr.layerwise, "layer_decay", "Pass `decay`"),
        (klr.set_learning_rate, "learning_rate", "Pass `value`"),
        # misspelt, or unknown
        (klr.one_cycle, "warm_up", "Did you mean `warmup`?"),
        (klr.Monitor, "log_dirs", "Did you mean `log_dir`?"),
        (klr.Prodigy, "xyz", "It has `schedule`, `initial`"),
    ],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_arguments(function, name, instead):
    """An argument of Keras, torch, fastai or transformers is answered by that of keras_lr."""
    with pytest.raises(TypeError, match=re.escape(f"has no argument `{name}`. {instead}")):
        function(**{name: 1})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lr", "Pass `learning_rate`"),
        ("wd", "Pass `weight_decay`"),
        ("momentums", "Did you mean `momentum`"),
        ("x", "Rec"),
    ],
)
def test_hyperparameters(name, hint):
    with pytest.raises(ValueError, match=f"`{name}` of `scheduled` must be a hyperparameter of `SGD`: .+. {hint}"):
        klr.scheduled(opt.SGD(), **{name: 0.1})


def test_names_of_the_package():
    """What other libraries have is answered by what there is; every answer exists."""
    for theirs, ours in hints.NAMES.items():
        assert theirs not in klr.__all__ and ours.partition("(")[0] in klr.__all__
    for name, hint in {
        "CosineDecay": "Use `keras_lr.Cosine` instead.",
        "StepLR": r"Use `keras_lr.Exponential\(..., staircase=True\)` instead.",
        "lr_find": "Use `keras_lr.find_learning_rate` instead.",
        "onecycle": r"Did you mean `keras_lr.one_cycle`\?",
        "cosine": r"Did you mean `keras_lr.Cosine`\?",
        "xyzzy": "$",
        "__wrapped__": "$",
    }.items():
        with pytest.raises(AttributeError, match=f"`keras_lr` has no `{name}`. ?{hint}"):
            getattr(klr, name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: klr.Warmup(klr.Cosine, steps=3), r"Pass an instance, as in `Cosine\(...\)`. Rec"),
        (lambda: klr.set_learning_rate(opt.SGD(), klr.DoWG), r"Pass an instance, as in `DoWG\(...\)`. Rec"),
        (lambda: klr.one_cycle(klr.Cosine(0.1, 0.0, 3), 3), "Combine schedules with `keras_lr.Product`"),
        (lambda: klr.Warmup(klr.PlateauReducer(), 3), r"Pass callbacks to `fit\(callbacks"),
        (lambda: klr.Clip(keras.callbacks.History(), minimum=0), r"Pass callbacks to `fit\(callbacks"),
        (lambda: klr.one_cycle(opt.SGD(), 3), r"Pass a schedule to the optimizer, as in `SGD\(schedule\)`"),
        (lambda: klr.Linear(0.1, 0.0, klr.epochs), r"Call it, as in `epochs\(20\)`. Rec"),
        (lambda: klr.Warmup(klr.noam, 3), r"Call it, as in `noam\(...\)`. Rec"),
        (lambda: klr.Warmup(klr.Prodigy(), 3), "Pass rules to `keras_lr.scheduled`, as in .+, learning_rate=rule"),
        (lambda: klr.Warmup(klr.AdaptiveMomentum(), 3), "Pass rules to `keras_lr.scheduled`, as in .+, momentum=rule"),
        (lambda: klr.Product([klr.Cosine(0.1, 0.0, 3), klr.DoWG()]), "Pass rules to `keras_lr.scheduled`"),
        (lambda: klr.Sequence([0.1, klr.Cosine], [3]), r"Pass an instance, as in `Cosine\(...\)`. Rec"),
        (lambda: klr.one_cycle(0.1, 3, curve=klr.DoWG()), "Pass rules to `keras_lr.scheduled`"),
        (lambda: opt.SGD(klr.DoWG()).learning_rate, "Pass rules to `keras_lr.scheduled`"),
        (lambda: klr.Warmup(lambda t: t, 3), r"a finite number >= 0. Received: schedule=<function"),
    ],
)
def test_values_in_the_wrong_place(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("rate", [klr.Cosine, klr.one_cycle, klr.epochs])
def test_what_keras_takes_for_a_function(rate):
    """Keras takes a class or a function as a rate; the callbacks find it before the first step."""
    with pytest.raises(
        TypeError, match=r"Argument `learning_rate` of `SGD` must be a number or a schedule\. (Pass|Call)"
    ):
        rate_meter(opt.SGD(rate)).fit(*ones(1), callbacks=[klr.Monitor()], verbose=0)


@pytest.mark.parametrize("callbacks", [[], [klr.Monitor()]], ids=["", "Monitor"])
def test_a_rule_as_the_rate_of_an_optimizer(callbacks):
    """Keras takes a rule for a function; `fit` raises before the first step, and leaves the model as it was."""
    model = rate_meter(opt.SGD(klr.DoWG()))
    with pytest.raises(TypeError, match=r"Pass rules to `keras_lr.scheduled`.+ Received: .*DoWG\(\)"):
        model.fit(*ones(1), callbacks=callbacks, verbose=0)
    assert applied(model) == 0 and int(model.optimizer.iterations) == 0
    klr.set_learning_rate(model, klr.DoWG())
    model.fit(*ones(1), callbacks=callbacks, verbose=0)
    assert applied(model) > 0


@pytest.mark.parametrize(("name", "value"), [("weight_decay", klr.Constant(0.1)), ("beta_1", klr.AdaptiveMomentum())])
def test_a_schedule_as_another_hyperparameter(name, value):
    """Keras takes anything as a weight decay or a beta; the callbacks find it before the first step."""
    with pytest.raises(
        TypeError, match=f"`{name}` of `AdamW` must be a number. Use `keras_lr.scheduled.optimizer, {name}="
    ):
        rate_meter(opt.AdamW(**{name: value})).fit(*ones(1), callbacks=[klr.Monitor()], verbose=0)


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="older ones keep the frames of an exception that is raised again"
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: klr.Cosine(0.1, 0.0, steps=-1),
        lambda: klr.Intervals([1], [0.1]),
        lambda: klr.sgdr(0.1, 3, end=-1),
        lambda: klr.epochs(-1),
        lambda: klr.DoWG(initial=-1),
        lambda: klr.AdaptiveMomentumRamp(start=-1),
        lambda: klr.EpochIntervalSwitcher([1], [0.1]),
        lambda: klr.LiveControl(3),
        lambda: klr.Monitor(optimizer=3),
        lambda: klr.PlateauReducer(patience=-1),
        lambda: klr.scheduled(opt.SGD(), momentum=-1),
        lambda: klr.resume_at(None, epoch=0, steps_per_epoch=1),
        *[functools.partial(function, xyz=1) for function in PUBLIC],
    ],
    ids=lambda make: make.func.__name__ if hasattr(make, "func") else "",
)
def test_no_internal_frames(make):
    """A traceback has one frame of keras_lr, and no second error."""
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    frames = [frame for frame in traceback.extract_tb(caught.value.__traceback__) if "keras_lr/" in frame.filename]
    assert len(frames) == 1 and caught.value.__suppress_context__


def test_the_frames_of_the_user_stay():
    """Where the user's own code passed a bad argument is in the traceback, also inside a policy."""

    def own_curve(start, end, steps):
        return klr.Cosine(start, end, steps=-1)

    class OwnCallback(klr.PlateauReducer):
        def __init__(self):
            super().__init__(patience=-1)

    for make, name in ((lambda: klr.one_cycle(0.1, 10, curve=own_curve), "own_curve"), (OwnCallback, "__init__")):
        with pytest.raises(ValueError, match=r"`steps` of `Cosine`|`patience` of `OwnCallback`") as caught:
            make()
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert name in [frame.name for frame in frames if frame.filename == __file__]


def test_other_errors_keep_their_frames():
    """The traceback of an error that is not about an argument is that of Python."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        klr.one_cycle(0.1, 10, curve=lambda start, end, steps: int("x"))
    assert "one_cycle" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
