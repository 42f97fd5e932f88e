"""Callbacks in any training loop: optimizers that are not `model.optimizer`, and loops outside `fit`."""

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import applied, ones, rate_meter

import keras_lr as klr

RATE = klr.Linear(8.0, 0.0, steps=klr.epochs(2))  # 2 epochs of 4 batches
FACTORS = {"factor": 0.5, "patience": 1}


class Pair(keras.Model):
    """Two weights with an optimizer each, from which an update takes the rate; on JAX they are in one optimizer."""

    def __init__(self, d_optimizer, g_optimizer, repeat=1):
        super().__init__()
        dense = {"units": 1, "use_bias": False, "kernel_initializer": "zeros"}
        self.d, self.g = keras.layers.Dense(**dense, name="d"), keras.layers.Dense(**dense, name="g")
        self.d.build([None, 1]), self.g.build([None, 1])
        self.repeat, self.built = repeat, True
        if NAME == "jax":
            parts = opt.OptimizerMap(g_optimizer, {"^d/.*": d_optimizer})
            self.compile(opt.MultiOptimizer(parts), loss="mse")
        else:
            self.compile(optimizer=None, loss="mse")
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def call(self, x):
        return self.d(x) + self.g(x)

    def train_step(self, *arguments):
        if NAME == "jax":
            (variables, frozen, state, metrics), _ = arguments
            gradients = [keras.ops.ones_like(one) for one in variables]
            variables, state = self.optimizer.stateless_apply(state, gradients, variables)
            return {"loss": 1.0}, (variables, frozen, state, metrics)
        for optimizer, layer, repeat in ((self.d_optimizer, self.d, self.repeat), (self.g_optimizer, self.g, 1)):
            for _ in range(repeat):
                optimizer.apply([keras.ops.ones([1, 1])], layer.trainable_variables)
        return {"loss": keras.ops.ones([])}

    @property
    def applied(self):
        return [-float(keras.ops.convert_to_numpy(layer.kernel).item()) for layer in (self.d, self.g)]


def pair(d_optimizer=None, g_optimizer=None, **options):
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    return Pair(
        d_optimizer or opt.SGD(RATE, name="d_optimizer"), g_optimizer or opt.SGD(1.0, name="g_optimizer"), **options
    )


def fit(model, *callbacks, epochs=2):
    return model.fit(*ones(4), batch_size=1, epochs=epochs, callbacks=[*callbacks], verbose=0).history


def test_two_optimizers():
    """Each callback acts on the optimizer that it names, and `BindSpans` and `Monitor` see both."""
    model, monitor = pair(), klr.Monitor()
    reducer = klr.PlateauReducer("loss", optimizer="d_optimizer", **FACTORS)  # reduces after the 2nd epoch
    switcher = klr.EpochIntervalSwitcher([1], [1.0, 3.0], optimizer="g_optimizer")
    history = fit(model, klr.BindSpans(), reducer, switcher, monitor)
    rates = klr.Linear(8.0, 0.0, steps=8).values(8)
    np.testing.assert_allclose(model.applied, [rates.sum(), 4 * 1.0 + 4 * 3.0], rtol=1e-5)
    np.testing.assert_allclose(monitor.steps["learning_rate_d_optimizer"], np.append(rates[:4], rates[4:]))
    np.testing.assert_allclose(history["learning_rate_g_optimizer"], [1.0, 3.0])
    # A trained step is renewed when a callback first manages the optimizer that it has traced.
    decay = klr.EpochSchedule(lambda epoch: 0.5, "weight_decay", optimizer="g_optimizer")
    before = model.applied[1]
    klr.resume_at(model, epoch=0, steps_per_epoch=4)
    fit(model, decay, epochs=1)
    assert abs(model.applied[1] - (before + 4 * 3.0)) > 1.0  # 3.0 * 0.5 of a weight that is not 0
    np.testing.assert_allclose(model.applied[0], 1.5 * rates.sum() - 0.5 * rates[4:].sum(), rtol=1e-5)


@pytest.mark.skipif(NAME == "jax", reason="on JAX, Keras keeps only the state of `model.optimizer`")
def test_which_optimizer_is_meant(tmp_path):
    """With several, a callback that changes one has to name it; `compile()`'s own RMSprop does not count."""
    model = pair()
    model.compile()
    for make in (
        lambda: klr.PlateauReducer("loss"),
        lambda: klr.EpochSchedule(lambda epoch: 0.1),
        lambda: klr.AdaptiveMomentumRamp(),
        lambda: klr.LiveControl(tmp_path / "control.json"),
    ):
        with pytest.raises(ValueError, match=r"several optimizers: `d_optimizer`, `g_optimizer`\. Pass"):
            fit(model, make())
    with pytest.raises(ValueError, match=r"the model has `d_optimizer`, `g_optimizer`\. Received: optimizer='critic'"):
        fit(model, klr.PlateauReducer("loss", optimizer="critic"))
    with pytest.raises(TypeError, match="`optimizer` of `Monitor` must be the name"):
        klr.Monitor(optimizer=3)
    for function in (lambda: klr.set_learning_rate(model, 0.1), lambda: klr.scheduled(model, weight_decay=True)):
        with pytest.raises(ValueError, match=r"several optimizers: `model\.d_optimizer`, `model\.g_optimizer`\. Pass"):
            function()
    model.d_optimizer = [model.d_optimizer, {"second": opt.SGD(RATE)}]  # in lists and dictionaries
    monitor = klr.Monitor()
    monitor.set_model(model)
    assert len(monitor.optimizers) == 3
    switcher = klr.EpochSchedule(lambda epoch: 0.1, optimizer="g_optimizer")
    switcher.set_model(model)
    assert switcher.optimizers == [model.g_optimizer]


@pytest.mark.skipif(NAME == "jax", reason="on JAX, Keras keeps only the state of `model.optimizer`")
def test_other_steps_than_batches():
    """An optimizer that makes several steps a batch is noticed, and bound by the number that one passes."""
    with pytest.warns(UserWarning, match=r"made 20 steps in an epoch of 4 batches.*optimizer=..., steps_per_epoch=20"):
        fit(pair(repeat=5), klr.BindSpans())
    model = pair(g_optimizer=opt.SGD(RATE), repeat=5)
    fit(model, klr.BindSpans(), klr.BindSpans(optimizer="d_optimizer", steps_per_epoch=20))
    sums = [klr.Linear(8.0, 0.0, steps=n).values(n).sum() for n in (40, 8)]
    np.testing.assert_allclose(model.applied, sums, rtol=1e-5)


@pytest.mark.skipif(NAME == "jax", reason="on JAX, Keras keeps only the state of `model.optimizer`")
def test_an_optimizer_that_can_not_be_seen():
    """That the training uses another optimizer is said after the first epoch; it can be passed."""
    hidden = opt.SGD(RATE)
    model = rate_meter(opt.SGD(1.0))
    model.train_step = lambda data: (
        hidden.apply([keras.ops.ones([1, 1])], model.trainable_variables) or {"loss": keras.ops.ones([])}
    )
    history = fit(model, *(make(optimizer=hidden) for make in (klr.BindSpans, klr.Monitor)))
    np.testing.assert_allclose(history["learning_rate"], [5.0, 1.0], rtol=1e-5)
    with pytest.warns(UserWarning, match="made no step in the first epoch, so callbacks for it have no effect"):
        fit(model, klr.Monitor(), epochs=1)


@pytest.mark.skipif(NAME == "jax", reason="on JAX, Keras keeps only the state of `model.optimizer`")
def test_their_state_is_saved(tmp_path):
    """Weights files have the state of optimizers that are attributes, and of callbacks with it."""
    make = lambda: pair(opt.Adam(RATE), opt.SGD(1.0, momentum=0.5))  # noqa: E731
    callbacks = lambda: (klr.BindSpans(), klr.PlateauReducer("loss", optimizer="d_optimizer", **FACTORS))  # noqa: E731
    whole, model, again = make(), make(), make()
    fit(whole, *callbacks(), epochs=2)
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False)
    fit(model, *callbacks(), backup, epochs=1)
    for one in (again.d_optimizer, again.g_optimizer):
        one.build({id(again.d_optimizer): again.d, id(again.g_optimizer): again.g}[id(one)].trainable_variables)
    history = fit(again, *callbacks(), backup, epochs=2)
    assert len(history["loss"]) == 1
    np.testing.assert_array_equal(whole.applied, again.applied)
    np.testing.assert_allclose(float(again.d_optimizer.learning_rate), 0.0, atol=1e-6)


def test_optimizers_in_a_private_dictionary():
    """They are candidates, too, so that a callback does not take `model.optimizer` without a word."""
    model = rate_meter(opt.SGD(1.0))
    model._pair = {"d": opt.SGD(0.5), "g": opt.SGD(0.25)}
    with pytest.raises(ValueError, match=r"several optimizers: `optimizer`, `_pair\.d`, `_pair\.g`"):
        fit(model, klr.PlateauReducer("loss"))


def loop(callbacks, optimizer, train="train_on_batch", epochs=2, **params):
    """Train a `rate_meter` in a loop of one's own with a `CallbackList`; its model and the logs of its epochs."""
    model, seen, (x, y) = rate_meter(optimizer), [], ones(4)
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    running = keras.callbacks.CallbackList([*callbacks, spy], model=model, **params)
    running.on_train_begin()
    for epoch in range(epochs):
        running.on_epoch_begin(epoch)
        for batch in range(4):
            running.on_train_batch_begin(batch)
            if train == "train_on_batch":
                logs = model.train_on_batch(x[:1], y[:1], return_dict=True)
            else:  # a loop that keeps the metrics to itself
                logs = {"loss": applied(model)}
                model.optimizer.apply([keras.ops.ones([1, 1])], model.trainable_variables)
            running.on_train_batch_end(batch, logs)
        model.evaluate(x, y, verbose=0)
        running.on_epoch_end(epoch, {"loss": logs["loss"], "val_loss": 1.0})
    running.on_train_end()
    assert "reset_metrics" not in vars(model)
    return model, seen


class Checked(klr.PlateauReducer):
    """Records the value of each check."""

    def _check(self, metrics):
        self.values = [*getattr(self, "values", []), metrics[self.monitor]]
        super()._check(metrics)


def test_a_callback_list_in_a_loop():
    """Callbacks work in it as in `fit`; metrics may come from the loop alone."""
    monitor, reducer = klr.Monitor(), Checked("val_loss", **FACTORS)
    model, logs = loop([klr.BindSpans(), reducer, monitor], opt.SGD(RATE), steps=4)
    np.testing.assert_allclose(monitor.steps["learning_rate"], np.arange(8.0, 0.0, -1))
    assert applied(model) == 36.0 and [one["learning_rate"] for one in logs] == [5.0, 1.0]
    assert reducer.values == [1.0, 1.0] and reducer.total_factor == 0.5
    callbacks = [klr.EpochSchedule(lambda epoch: 1.0 + epoch), klr.LiveControl("none.json"), klr.AdaptiveMomentumRamp()]
    model, logs = loop(callbacks, opt.SGD(0.1))
    assert [one["learning_rate"] for one in logs] == [1.0, 2.0]


@pytest.mark.parametrize("train", ["train_on_batch", "apply"])
def test_checks_every_few_batches_in_a_loop(train):
    """A check has the metric of its own batches: the model's if it counts them, else the mean of the batches' logs."""
    reducer, sign = Checked("loss", every=2), 1 if train == "apply" else -1
    loop([reducer], opt.SGD(1.0), train)
    np.testing.assert_allclose(reducer.values, sign * np.array([0.5, 2.5, 4.5, 6.5]))


def test_what_a_loop_has_to_say():
    """What only a loop knows is asked for."""
    with pytest.raises(ValueError, match=r"how many batches an epoch has.*`BindSpans\(steps_per_epoch=...\)`"):
        loop([klr.BindSpans()], opt.SGD(RATE))
    with pytest.raises(ValueError, match=r"`every` of `PlateauReducer` must be an integer .*`CallbackList.*steps="):
        loop([klr.PlateauReducer("loss", every=klr.epochs(0.5))], opt.SGD(1.0))
    with pytest.raises(ValueError, match=r"number of epochs is not known outside `fit`.*epochs="):
        loop([klr.BindSpans(steps_per_epoch=4)], opt.SGD(klr.Linear(1.0, 0.0, klr.fraction(1.0))))
