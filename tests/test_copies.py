"""All callbacks can be pickled and deep-copied: before, during and after a `fit`."""

import copy
import pickle

import keras
from models import classifier, flowers

import keras_lr as klr


def test_copies(tmp_path):
    """Copies have no part of the model, and train another one; KerasTuner gives each trial a deep copy."""
    callbacks = [
        klr.BindSpans(),
        klr.Monitor(log_dir=tmp_path),
        klr.PlateauReducer("loss", every=3, patience=1, restore_best=True),
        klr.EpochIntervalSwitcher([1], [0.1, 0.01], "weight_decay"),
        klr.EpochSchedule(klr.Constant(0.2), "ema_momentum"),
        klr.LiveControl(tmp_path / "control.json"),
        klr.AdaptiveMomentumRamp(),
    ]
    during = []

    class Copy(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            during.append([pickle.loads(pickle.dumps(callbacks)), copy.deepcopy(callbacks)])

    def train(callbacks):
        model.fit(*flowers(), batch_size=8, callbacks=callbacks, verbose=0)

    model = classifier(keras.optimizers.SGD(klr.Constant(0.1)))
    before = pickle.loads(pickle.dumps(callbacks))
    train([*callbacks, Copy()])
    after = copy.deepcopy(callbacks)
    assert all(one.model is None for one in (*after, *during[0][0], *during[0][1]))
    assert list(after[1].steps["learning_rate"]) == [0.1] * 8
    for copies in (before, pickle.loads(pickle.dumps(callbacks)), after, *during[0]):
        train(copies)
