"""`BackupAndRestore(save_freq=n)`, killed in the middle of an epoch: schedules go on with the epoch."""

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, ones, rate_meter

import keras_lr as klr

RATE = klr.Linear(20.0, 0.0, steps=20)  # 5 epochs of 4 batches
OPTIMIZERS = {
    "plain": lambda: opt.SGD(RATE),
    "nested": lambda: opt.LossScaleOptimizer(opt.SGD(RATE)),
    "momentum alone": lambda: klr.scheduled(opt.SGD(1.0, momentum=0.5), momentum=klr.Linear(0.5, 0.0, steps=20)),
}


class Kill(keras.callbacks.Callback):
    """Ends the process, so to say, after so many batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def run(make, folder, kills=(), order=1, epochs=5, **options):
    """Train, be killed after each number of batches, and go on; the model and the callbacks of the last run."""
    for batches in (*kills, 0):
        model, seen, monitor = rate_meter(make()), Applied(), klr.Monitor()
        backup = keras.callbacks.BackupAndRestore(str(folder), **({"save_freq": 3} | options))
        callbacks = [*[monitor, backup, klr.BindSpans(), Kill(batches)][::order], seen]
        try:
            model.fit(*ones(4), batch_size=1, epochs=epochs, callbacks=callbacks, verbose=0)
        except KeyboardInterrupt:
            continue
    return model, seen, monitor


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_on_with_the_epoch(name, order, tmp_path):
    """After a kill the epoch begins anew at its own step, wherever the callbacks stand."""
    model, seen, monitor = run(OPTIMIZERS[name], tmp_path / "backup", kills=[11], order=order)
    assert int(model.optimizer.iterations) == 20  # saved after 9 batches, the 1st of epoch 2
    assert len(seen.rates) == 12
    if name == "momentum alone":
        np.testing.assert_allclose(monitor.steps["momentum"], klr.Linear(0.5, 0.0, steps=20).values(np.arange(8, 20)))
    else:
        np.testing.assert_allclose(seen.rates, RATE.values(np.arange(8, 20)), rtol=1e-4)
        np.testing.assert_allclose(monitor.steps["learning_rate"], RATE.values(np.arange(8, 20)))


@pytest.mark.parametrize("kills", [[2], [8, 3], [9, 3, 3], [12, 7]], ids=str)
def test_kills(kills, tmp_path):
    """Killed before the first save, on the last batch of an epoch, and several times in one epoch."""
    begin = {2: 0, 8: 1, 9: 2, 12: 2}[kills[0]] + (1 if kills == [12, 7] else 0)
    model, seen, _ = run(lambda: opt.SGD(RATE), tmp_path / "backup", kills)
    np.testing.assert_allclose(seen.rates, RATE.values(np.arange(4 * begin, 20)), rtol=1e-4, atol=1e-5)
    assert int(model.optimizer.iterations) == 20


def test_accumulation(tmp_path):
    """An update that was begun is finished: whole updates are set back."""
    make = lambda: klr.scheduled(opt.SGD(1.0, gradient_accumulation_steps=2), learning_rate=RATE)  # noqa: E731
    _, seen, _ = run(make, tmp_path / "backup", kills=[11])  # saved after 9: the 9th batch is half an update
    np.testing.assert_allclose(seen.rates[:4], [RATE.values([4])[0], 0, RATE.values([5])[0], 0], atol=1e-5)


def test_what_is_left_alone(tmp_path):
    """Saves between epochs are exact as they are, and without a schedule nothing depends on the count."""
    _, seen, _ = run(lambda: opt.SGD(RATE), tmp_path / "epoch", kills=[10], save_freq="epoch")
    np.testing.assert_allclose(seen.rates, RATE.values(np.arange(8, 20)), rtol=1e-4)
    model, _, _ = run(lambda: opt.SGD(1.0), tmp_path / "number", kills=[11])
    assert int(model.optimizer.iterations) == 21


class KilledBetween(keras.callbacks.BackupAndRestore):
    """Is killed in one of its saves, after it wrote the weights and before it writes where in the run they are from."""

    def __init__(self, folder, save_freq, save):
        super().__init__(str(folder), save_freq=save_freq, delete_checkpoint=False)
        self.metadata, self.left = folder / "training_metadata.json", save

    def _save_model(self):
        before = self.metadata.read_text() if self.metadata.exists() else None
        super()._save_model()
        self.left -= 1
        if self.left == 0:
            self.metadata.unlink() if before is None else self.metadata.write_text(before)
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "save_freq, save, epoch, pretrained",
    [(3, 1, 0, 0), (3, 3, 1, 1), (4, 3, 1, 0)],  # the first save, the third one, one at the end of an epoch
)
def test_killed_between_the_two_files_of_a_save(save_freq, save, epoch, pretrained, tmp_path):
    """The schedules are where the epoch begins, though the backup has an older note of where it was made."""
    rate = klr.Linear(20.0, 0.0, steps=20 + 4 * pretrained)
    for kill in (save, 0):
        model, seen = rate_meter(opt.SGD(rate)), Applied()
        if pretrained:
            model.fit(*ones(4), batch_size=1, verbose=0)
        callbacks = [KilledBetween(tmp_path / "backup", save_freq, kill), klr.BindSpans(), seen]
        try:
            model.fit(*ones(4), batch_size=1, epochs=5, callbacks=callbacks, verbose=0)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(seen.rates[:4], rate.values(4 * (epoch + pretrained) + np.arange(4)), rtol=1e-4)
