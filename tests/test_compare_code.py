"""The code that a comparison gives to paste. It is run, and nothing is trained."""

import dataclasses

import keras
import pytest
from compare_problems import arrays, make, policy_of, problem_of

import keras_lr as klr
from keras_lr.compare.builtin import POLICIES
from keras_lr.compare.code import code_of


class Recorder:
    """Takes the place of the model in code that is pasted."""

    def compile(self, optimizer, **options):
        self.optimizer, self.compiled = optimizer, options

    def fit(self, *data, **options):
        self.data, self.fitted = data, options


def half(peak, steps):
    return klr.Linear(peak, 0.0, steps // 2)  # which takes no epochs


@pytest.mark.parametrize(
    "source, written",
    [
        ("klr.Rex(peak, 0.0, steps)", "steps = klr.epochs(epochs)"),
        (half, "rate = policies['mine'](peak, steps)"),
        (klr.Linear(0.1, 0.0, steps=9), "rate = policies['mine']"),
        ("keras.optimizers.AdamW(klr.Rex(peak, 0.0, steps), weight_decay=0.02)", "model.compile(optimizer, "),
        ('(klr.Rex(peak, 0.0, steps), [klr.PlateauReducer("val_loss")])', "callbacks=[*callbacks, klr.BindSpans()]"),
    ],
)
def test_the_code_has_the_policy(source, written, monkeypatch):
    """It runs, sets the rate or compiles with the optimizer, the loss and the metrics, and fits the split of seed 0."""
    policy, model = policy_of(source), Recorder()
    code = code_of(policy, 0.1, problem_of(), make())
    x, y = arrays()
    given = {"x": x, "y": y, "model": model, "policies": {"mine": source}}
    monkeypatch.setattr(klr, "set_learning_rate", lambda model, rate: setattr(model, "rate", rate))
    exec(code, given)
    assert given["x"] is x and given["y"] is y and not (model.data[0] == x).all()
    assert written in code
    made = policy.make(0.1, 12)
    rates = [getattr(model, "rate", None) or model.optimizer._learning_rate, made.rate]
    first, second = (rate.bind(steps_per_epoch=6, epochs=2).values(12).tolist() for rate in rates)
    assert first == second and hasattr(model, "compiled") == (made.optimizer is not None)
    if made.optimizer is not None:
        assert model.compiled == {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    assert (model.fitted["epochs"], model.fitted["batch_size"], model.fitted["validation_split"]) == (2, 12, 0.25)


def test_steps_are_in_epochs_where_that_is_nearly_the_same():
    """A part of the steps may be rounded: a tenth of 114 is 11 for an integer. A larger difference is not hidden."""
    problem = problem_of(epochs=19)
    for text in ("klr.warmup_cosine(peak, steps)", POLICIES["prodigy"]):
        assert "steps = klr.epochs(epochs)" in code_of(policy_of(text), 0.1, problem, make())
    code = code_of(policy_of("klr.Linear(peak, 0.0, 100 if steps == 114 else steps)"), 0.1, problem, make())
    assert "steps = 114  # updates in all epochs" in code


def test_the_order_suits_the_data():
    """What numpy's order can't index, or would index by its labels, becomes an array."""
    x, _ = arrays()
    problem = problem_of()
    data = problem.data | {"x": keras.ops.convert_to_tensor(x)}
    code = code_of(policy_of("peak"), 0.1, dataclasses.replace(problem, data=data), make())
    assert "model.fit(np.asarray(x)[order], y[order]," in code and "import numpy as np" in code


def test_what_cannot_be_written_is_kept():
    """Where the loss is no name, the code takes that of the model, and leaves the metrics to the user."""
    model = make()
    model.compile("sgd", loss=keras.losses.SparseCategoricalCrossentropy())
    code = code_of(policy_of("keras.optimizers.Adam(peak)"), 0.1, problem_of(), model)
    assert "model.compile(optimizer, loss=model.loss)  # and your metrics" in code
