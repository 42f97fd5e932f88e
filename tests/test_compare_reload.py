"""The check of a comparison that its best model, saved and loaded, goes on as if it had never been saved."""

import keras
import numpy as np
import pytest
from compare_problems import make, policy_of, problem_of

import keras_lr as klr
from keras_lr.compare.reload import check_reload
from keras_lr.compare.trials import train_to_the_end
from keras_lr.optimizers.manage import replace_schedule


def trained(path, policy, model=make):
    """What `check_reload` takes: a model, its file and the problem."""
    problem = problem_of(model)
    _, model = train_to_the_end(policy, problem)
    model.save(path)
    return model, path, problem


def lose_a_digit(model):
    weight = model.weights[0]
    weight.assign(np.nextafter(keras.ops.convert_to_numpy(weight), np.float32(np.inf)))


def lose_the_step(model):
    model.optimizer.iterations.assign(0)


def lose_the_momentum(model):
    model.optimizer.variables[-1].assign(np.zeros(model.optimizer.variables[-1].shape))


def lose_the_schedule(model):
    replace_schedule(model.optimizer, "learning_rate", klr.Constant(0.1))


def load_with(fault):
    """`keras.saving.load_model` that loses something."""
    load = keras.saving.load_model

    def load_model(path):
        model = load(path)
        fault(model)
        return model

    return load_model


def test_what_is_lost_is_found(tmp_path, monkeypatch):
    """It sees a weight, a step, a momentum and a schedule that were not restored, and leaves the model as it was."""
    given = trained(tmp_path / "best.keras", policy_of("klr.Linear(peak, 0.05, steps)"))
    before, found = given[0].get_weights(), []
    for fault in (lose_a_digit, lose_the_step, lose_the_momentum, lose_the_schedule):
        with monkeypatch.context() as planted:
            planted.setattr(keras.saving, "load_model", load_with(fault))
            reload = check_reload(*given)
        if reload.different:
            found.append(fault)
    assert found == [lose_a_digit, lose_the_step, lose_the_momentum, lose_the_schedule]
    assert "DIFFERS from the model in memory" in reload.text(given[1], "mine")
    reload = check_reload(*given)
    assert reload.different == [] and reload.moved > 0
    assert "These steps moved weights by up to" in reload.text(given[1], "mine")
    assert all((a == b).all() for a, b in zip(before, given[0].get_weights(), strict=True))


def test_a_rate_of_0_proves_nothing_about_training(tmp_path):
    """Where the last epoch moved no weights the text claims only that the variables are equal."""
    given = trained(tmp_path / "best.keras", policy_of("keras.optimizers.Adam(klr.Linear(peak, 0.0, steps))"))
    reload = check_reload(*given)
    said = reload.text(given[1], "mine")
    assert reload.different == [] and reload.moved == 0
    assert "These steps moved no weights, because the rate is 0 by then" in said


def random_layers():
    return make(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))


@pytest.mark.slow
@pytest.mark.parametrize("text", ['(peak, [klr.PlateauReducer("val_loss", patience=1)])', "klr.one_cycle(peak, steps)"])
def test_random_layers_and_callbacks_go_on(text, tmp_path):
    """Also a model with dropout and batch normalization, and a policy with a callback that keeps its state."""
    reload = check_reload(*trained(tmp_path / "best.keras", policy_of(text), random_layers))
    assert reload.different == [] and reload.compared > 13 and reload.moved > 0
