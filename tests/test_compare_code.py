"""The code that a comparison gives to paste. It is run, and nothing is trained."""

import dataclasses

import keras
import pytest
from compare_problems import arrays, make, plan_of, policy_of

import keras_lr as klr
from keras_lr.compare.builtin import POLICIES
from keras_lr.compare.code import code_of


class Recorder:
    """Takes the place of the model in code that is pasted."""

    def compile(self, optimizer, **options):
        self.optimizer, self.compiled = optimizer, options

    def fit(self, *data, **options):
        self.data, self.fitted = data, options


def module_policy(peak, steps):
    return klr.Linear(peak, 0.0, steps // 2)  # which takes no epochs


@pytest.mark.parametrize(
    "source, written",
    [
        ("klr.Rex(peak, 0.0, steps)", "steps = klr.epochs(epochs)"),
        (module_policy, "from test_compare_code import module_policy"),
        (lambda peak, steps: klr.Rex(peak, 0.0, steps), "rate = policies['mine'](peak, steps)"),
        (klr.Linear(0.1, 0.0, steps=9), "rate = policies['mine']"),
        ("keras.optimizers.AdamW(klr.Rex(peak, 0.0, steps), weight_decay=0.02)", "    optimizer,"),
        ('(klr.Rex(peak, 0.0, steps), [klr.PlateauReducer("val_loss")])', "callbacks=[*callbacks, klr.BindSpans()]"),
    ],
)
def test_the_code_has_the_policy(source, written):
    """It runs, and compiles with the rates, the optimizer with its settings, the loss and the metrics."""
    policy, plan, model = policy_of(source), plan_of(), Recorder()
    code = code_of(policy, 0.1, plan, make())
    x, y = arrays()
    given = {"x": x, "y": y, "model": model, "policies": {"mine": source}}
    exec(code, given)
    assert given["x"] is x and given["y"] is y and not (model.data[0] == x).all()
    assert written in code
    rates = [model.optimizer._learning_rate, policy.make(0.1, 12).rate]
    first, second = (rate.bind(steps_per_epoch=6, epochs=2).values(12).tolist() for rate in rates)
    assert first == second and getattr(model.optimizer, "momentum", 0.9) == 0.9
    assert model.compiled == {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    assert (model.fitted["epochs"], model.fitted["batch_size"], model.fitted["validation_split"]) == (2, 12, 0.25)


def test_steps_are_in_epochs_where_that_is_nearly_the_same():
    """A part of the steps may be rounded: a tenth of 114 is 11 for an integer. A larger difference is not hidden."""
    plan = dataclasses.replace(plan_of(epochs=19), steps=114)
    for text in ("klr.warmup_cosine(peak, steps)", POLICIES["prodigy"]):
        code = code_of(policy_of(text), 0.1, plan, make())
        assert "steps = klr.epochs(epochs)" in code
    code = code_of(policy_of("klr.Linear(peak, 0.0, 100 if steps == 114 else steps)"), 0.1, plan, make())
    assert "steps = 114  # updates in all epochs" in code


def test_the_order_suits_the_data():
    """Pandas objects are taken by position; what numpy's order can't index becomes an array."""

    class Frame:
        shape, iloc = (96, 4), None

        def __len__(self):
            return 96

    plan = plan_of()
    x, y = Frame(), keras.ops.convert_to_tensor(arrays()[1])
    data = plan.problem.data | {"x": x, "y": y}
    plan = dataclasses.replace(plan, problem=dataclasses.replace(plan.problem, data=data))
    code = code_of(policy_of("peak"), 0.1, plan, make())
    assert "model.fit(x.iloc[order], np.asarray(y)[order]," in code and "import numpy as np" in code


def test_what_cannot_be_written_is_kept():
    """A model with a loss or an optimizer that is no name and not Keras' own gets the rate, and nothing else."""

    class Own(keras.optimizers.SGD):
        pass

    model = make()
    for loss, optimizer in ((keras.losses.SparseCategoricalCrossentropy(), "sgd"), (model.loss, Own(0.1))):
        model.compile(optimizer, loss=loss)
        code = code_of(policy_of("peak"), 0.1, plan_of(), model)
        assert "klr.set_learning_rate(model, rate)" in code and "compile" not in code
