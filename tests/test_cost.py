"""What schedules and callbacks cost, by counts that no load of the machine changes, and that it buys nothing wrong."""

import threading
import traceback

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import classifier, flowers, ones, rate_meter

import keras_lr as klr
from keras_lr.optimizers.mixin import ScheduledMixin
from keras_lr.schedules.arguments import Member

RATE = klr.Table([0.5, 0.4, 0.25, 0.2, 0.1, 0.05, 0.025])  # one more than the steps, for what comes next
MOMENTUM = klr.Table([0.25, 0.5, 0.75, 0.5, 0.25, 0.75])
DECAY = klr.Table([0.1, 0.5, 0.25, 0.75, 0.3, 0.2])
STEPS = 6
COUNTS = {"evaluations": 0, "applications": 0, "running": 0}


@klr.schedule(package="tests")
class Counted(klr.Schedule):
    """Another schedule, which counts how often it is evaluated."""

    schedule: Member

    def at(self, step):
        COUNTS["evaluations"] += COUNTS["running"] > 0
        return self.schedule.at(step)


@pytest.fixture(autouse=True)
def counts(monkeypatch):
    """How often scheduled optimizers are applied, and schedules are evaluated in that, by Python or a tracer."""
    apply = ScheduledMixin.apply

    def counted(self, *arguments, **keywords):
        COUNTS["applications"] += 1
        COUNTS["running"] += 1
        try:
            return apply(self, *arguments, **keywords)
        finally:
            COUNTS["running"] -= 1

    monkeypatch.setattr(ScheduledMixin, "apply", counted)
    # On torch a window of values would be computed at once.
    monkeypatch.setattr("keras_lr.schedules.evaluation.calls_others", lambda schedule: True)
    COUNTS.update(dict.fromkeys(COUNTS, 0))
    return COUNTS


def variables(count=3):
    return [keras.Variable(np.ones(2, "float32")) for _ in range(count)]


SHARED = {"learning_rate": Counted(RATE), "momentum": Counted(MOMENTUM), "weight_decay": Counted(DECAY)}


def sgd(**options):
    """SGD whose three numbers follow schedules, the same objects each time."""
    return klr.scheduled(opt.SGD(0.1, momentum=0.9, weight_decay=0.1, **options), **SHARED)


def by_hand(steps=STEPS, gradient=1.0, factor=1.0):
    """A weight, 1 at first, after steps of `sgd`."""
    weight, velocity = 1.0, 0.0
    for rate, momentum, decay in zip(*(s.values(steps) for s in (RATE, MOMENTUM, DECAY)), strict=True):
        weight -= weight * decay * rate * factor
        velocity = momentum * velocity - rate * factor * gradient
        weight += velocity
    return weight


def compiled(optimizer, weights):
    """A function of a gradient that applies the optimizer, compiled where the backend compiles."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda gradient: optimizer.apply([gradient * tf.ones(2) for _ in weights]))
    if NAME == "torch":
        return lambda gradient: optimizer.apply([gradient * keras.ops.ones(2) for _ in weights])
    import jax

    step = jax.jit(lambda state, g: optimizer.stateless_apply(state[1], [g * np.ones(2, "float32")] * 3, state[0]))
    return lambda gradient: put(optimizer, weights, step(state_of(optimizer, weights), gradient))


def state_of(optimizer, weights):
    return [v.value for v in weights], [v.value for v in optimizer.variables]


def put(optimizer, weights, state):
    for variable, value in zip([*weights, *optimizer.variables], [*state[0], *state[1]], strict=True):
        variable.assign(np.asarray(value))


def numbers(weights):
    return np.array([keras.ops.convert_to_numpy(weight) for weight in weights])


def ways():
    """Ways to make `STEPS` steps, and how many applications of the optimizer Python sees of each."""

    def eager(optimizer, weights):
        for _ in range(STEPS):
            optimizer.apply([keras.ops.ones(2) for _ in weights])

    def traced_once(optimizer, weights):
        step = compiled(optimizer, weights)
        for _ in range(STEPS):
            step(keras.ops.ones(()))

    known = {"eager": (eager, STEPS), "compiled": (traced_once, STEPS if NAME == "torch" else 1)}
    return known | {"tensorflow": tensorflow_ways, "jax": jax_ways}.get(NAME, dict)()


def tensorflow_ways():
    import tensorflow as tf

    def apply(optimizer, weights):
        return optimizer.apply([tf.ones(2) for _ in weights])

    def jit(optimizer, weights):
        step = tf.function(lambda: apply(optimizer, weights), jit_compile=True)
        for _ in range(STEPS):
            step()

    def cond(optimizer, weights):
        @tf.function
        def step(is_due):
            tf.cond(is_due, lambda: [apply(optimizer, weights), 0][1], lambda: 0)

        for is_due in [True, False, True] * (STEPS // 2):
            step(tf.constant(is_due))

    def while_loop(optimizer, weights):
        def body(i):
            apply(optimizer, weights)
            return i + 1

        tf.function(lambda: tf.while_loop(lambda i: i < STEPS, body, [0]))()

    def unrolled(optimizer, weights):
        @tf.function
        def steps():
            for _ in range(STEPS // 2):
                apply(optimizer, weights)

        steps()
        steps()

    return {"jit": (jit, 1), "cond": (cond, 1), "while": (while_loop, 1), "unrolled": (unrolled, STEPS // 2)}


def jax_ways():
    import jax

    def applied(optimizer, state):
        return optimizer.stateless_apply(state[1], [np.ones(2, "float32")] * 3, state[0])

    def fori_loop(optimizer, weights):
        steps = jax.jit(lambda state: jax.lax.fori_loop(0, STEPS, lambda _, s: applied(optimizer, s), state))
        put(optimizer, weights, steps(state_of(optimizer, weights)))

    def scan(optimizer, weights):
        body = lambda state, _: (applied(optimizer, state), None)  # noqa: E731
        steps = jax.jit(lambda state: jax.lax.scan(body, state, length=STEPS)[0])
        put(optimizer, weights, steps(state_of(optimizer, weights)))

    def cond(optimizer, weights):
        step = jax.jit(lambda go, s: jax.lax.cond(go, lambda s: applied(optimizer, s), lambda s: s, s))
        for is_due in [True, False, True] * (STEPS // 2):
            put(optimizer, weights, step(is_due, state_of(optimizer, weights)))

    def unrolled(optimizer, weights):
        def steps(state):
            for _ in range(STEPS // 2):
                state = applied(optimizer, state)
            return state

        for _ in range(2):
            put(optimizer, weights, jax.jit(steps)(state_of(optimizer, weights)))

    return {"fori_loop": (fori_loop, None), "scan": (scan, None), "cond": (cond, 1), "unrolled": (unrolled, None)}


WAYS = ways()


@pytest.mark.parametrize("way", WAYS)
def test_once_and_never_stale(way, counts):
    """Each schedule is evaluated once per application, and each step has its own values, however steps are made."""
    make_steps, applications = WAYS[way]
    optimizer, weights = sgd(), variables()
    optimizer.build(weights)
    make_steps(optimizer, weights)
    np.testing.assert_allclose(numbers(weights), by_hand(), rtol=1e-5)
    assert counts["evaluations"] == 3 * counts["applications"]
    assert applications is None or counts["applications"] == applications
    assert_shows_the_present(optimizer, STEPS)


def assert_shows_the_present(optimizer, step):
    """Outside of a step the rate is that of the next one, and the others are those of the last."""
    rate, momentum = (keras.ops.convert_to_numpy(v) for v in (optimizer.learning_rate, optimizer.momentum))
    np.testing.assert_allclose(rate, RATE.values([step])[0], rtol=1e-6)
    np.testing.assert_allclose(momentum, MOMENTUM.values([step - 1])[0], rtol=1e-6)


def test_accumulated(counts):
    """With accumulation each batch evaluates once, the values are those of the update, and so is what is added up."""
    optimizer, weights = sgd(gradient_accumulation_steps=2), variables()
    optimizer.build(weights)
    step = compiled(optimizer, weights)
    for gradient in [0.0, 2.0] * STEPS:
        step(keras.ops.convert_to_tensor(gradient))
    np.testing.assert_allclose(numbers(weights), by_hand(), rtol=1e-5)
    assert counts["evaluations"] == 3 * counts["applications"]


@pytest.mark.parametrize("kind", ["LossScaleOptimizer", "MultiOptimizer"])
def test_nested(kind, counts):
    """So it is for each optimizer inside another, with a rate of its own."""
    if not hasattr(opt, kind):
        pytest.skip(f"this Keras has no {kind}")
    weights = variables()
    if kind == "LossScaleOptimizer":
        parts, factors = [sgd()], [1.0, 1.0, 1.0]
        optimizer, gradient = opt.LossScaleOptimizer(parts[0], initial_scale=8.0), 8.0
    else:
        parts, factors = [sgd(), sgd()], [1.0, 0.5, 0.5]
        klr.set_learning_rate(parts[1], Counted(klr.Product([RATE, 0.5])))
        optimizer, gradient = opt.MultiOptimizer(lambda v: parts[0] if v is weights[0] else parts[1]), 1.0
    optimizer.build(weights)
    step = compiled(optimizer, weights)
    for _ in range(STEPS):
        step(keras.ops.convert_to_tensor(gradient))
    expected = [[by_hand(factor=factor)] * 2 for factor in factors]
    np.testing.assert_allclose(numbers(weights), expected, rtol=1e-5)
    assert counts["evaluations"] == 3 * counts["applications"]
    assert_shows_the_present(parts[0], STEPS)


def test_one_schedule_of_two_optimizers(counts):
    """Two optimizers of one step that share their schedules have the values of their own counts."""
    both = [(sgd(), variables()) for _ in range(2)]
    for optimizer, weights in both:
        optimizer.build(weights)

    def step():
        for (optimizer, weights), times in zip(both, (1, 2), strict=True):
            for _ in range(times):
                optimizer.apply([keras.ops.ones(2) for _ in weights])

    if NAME == "tensorflow":
        import tensorflow as tf

        step = tf.function(step)
    for _ in range(3):
        step()
    for (_, weights), steps in zip(both, (3, 6), strict=True):
        np.testing.assert_allclose(numbers(weights), by_hand(steps), rtol=1e-5)


def adamw_by_hand(numbers_at, steps):
    weight, m, v, products = 1.0, 0.0, 0.0, [1.0, 1.0]
    for t in range(steps):
        n = numbers_at(t)
        gradient = min(1.0, n["clipnorm"] / np.sqrt(2))  # of a gradient of ones
        weight -= weight * n["weight_decay"] * n["learning_rate"]
        m = n["beta_1"] * m + (1 - n["beta_1"]) * gradient
        v = n["beta_2"] * v + (1 - n["beta_2"]) * gradient**2
        products = [products[0] * n["beta_1"], products[1] * n["beta_2"]]
        rate = n["learning_rate"] * np.sqrt(1 - products[1]) / (1 - products[0])
        weight -= rate * m / (np.sqrt(v) + n["epsilon"])
    return weight


@pytest.mark.parametrize("count", [1, 3, 6])
def test_several_hyperparameters(count, counts):
    """However many hyperparameters follow schedules, each schedule is evaluated once per application."""
    all_schedules = {
        "beta_1": klr.Linear(0.5, 0.9, steps=5),
        "learning_rate": RATE,
        "weight_decay": DECAY,
        "beta_2": klr.Linear(0.9, 0.5, steps=5),
        "epsilon": klr.Linear(0.5, 0.1, steps=5),
        "clipnorm": klr.Linear(2.0, 0.2, steps=5),
    }
    constants = {
        "learning_rate": 0.1,
        "weight_decay": 0.1,
        "beta_1": 0.9,
        "beta_2": 0.75,
        "epsilon": 0.25,
        "clipnorm": 1.0,
    }
    followed = dict(list(all_schedules.items())[:count])
    optimizer, weights = opt.AdamW(**constants), variables()
    klr.scheduled(optimizer, **{name: Counted(schedule) for name, schedule in followed.items()})
    optimizer.build(weights)
    step = compiled(optimizer, weights)
    for _ in range(STEPS):
        step(keras.ops.ones(()))
    now = lambda t: constants | {name: schedule.values([t])[0] for name, schedule in followed.items()}  # noqa: E731
    np.testing.assert_allclose(numbers(weights), adamw_by_hand(now, STEPS), rtol=1e-5)
    assert counts["evaluations"] == count * counts["applications"]


def test_a_schedule_is_assigned(counts):
    """The attribute takes a schedule, ours or another's, also where the rate was a number."""
    keras_own = opt.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])
    of_keras = [0.5] * 3 + [0.25] * 3
    given = [(Counted(RATE), RATE.values(STEPS)), (Counted(keras_own), of_keras), (keras_own, of_keras)]
    for first in (0.1, klr.Constant(0.1)):
        for rate, values in given:
            optimizer, weights = klr.scheduled(opt.SGD(first), weight_decay=0.0), variables()
            optimizer.build(weights)
            optimizer.learning_rate = rate
            counts.update(evaluations=0, applications=0)
            for _ in range(STEPS):
                optimizer.apply([keras.ops.ones(2) for _ in weights])
            np.testing.assert_allclose(numbers(weights), 1 - sum(values), rtol=1e-5, atol=1e-6)
            assert rate is keras_own or counts["evaluations"] == counts["applications"] == STEPS


@pytest.mark.tensorflow
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "LossScaleOptimizer"])
def test_replicas(nested, counts):
    """Two replicas have the values of the step, evaluate each schedule once each, and leave no stale rate."""
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        inner, weights = sgd(), variables()
        optimizer = opt.LossScaleOptimizer(inner, initial_scale=8.0) if nested else inner
        optimizer.build(weights)

    @tf.function
    def step():
        strategy.run(lambda: optimizer.apply([(8.0 if nested else 1.0) * tf.ones(2) for _ in weights], weights))

    for _ in range(STEPS):
        step()
    np.testing.assert_allclose(numbers(weights), by_hand(gradient=2.0), rtol=1e-5)  # the sum over the replicas
    assert counts["evaluations"] == 3 * counts["applications"] and counts["applications"] % 2 == 0
    assert_shows_the_present(inner, STEPS)


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution(counts):
    """A call of four steps is as right as four calls, also with a factor of `PlateauReducer` on the rate."""
    x, y = flowers(32)
    models = [classifier(sgd(), steps_per_execution=steps, jit_compile=steps == 1) for steps in (1, 4)]
    for model in models:
        reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=1.0)
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, callbacks=[reducer], verbose=0)
        assert reducer.total_factor == 0.5
        assert counts["evaluations"] == 3 * counts["applications"] > 0
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.tensorflow
def test_not_translated(monkeypatch):
    """A `tf.function` of one's own does not translate this library's step by AutoGraph, as it leaves Keras' alone."""
    import tensorflow as tf

    running = []
    at = Counted.at

    def recorded(self, step):
        running.extend(frame.name for frame in traceback.extract_stack())
        return at(self, step)

    monkeypatch.undo()  # the counting `apply`
    monkeypatch.setattr(Counted, "at", recorded)
    optimizer, weights = sgd(), variables()
    optimizer.build(weights)
    tf.function(lambda: optimizer.apply([tf.ones(2) for _ in weights]))()
    assert "apply" in running and "tf__apply" not in running


@pytest.fixture
def reads(monkeypatch):
    """Records what brings numbers from the device to the host, and on JAX the state of the epoch to its variables.

    In this thread: in others Keras looks at the logs of the batch before.
    """
    seen, here = [], threading.get_ident()

    def watch(owner, name):
        given = getattr(owner, name)
        get = given.fget if isinstance(given, property) else given

        def watched(*arguments, **keywords):
            seen.extend([name] * (threading.get_ident() == here))
            return get(*arguments, **keywords)

        monkeypatch.setattr(owner, name, property(watched) if isinstance(given, property) else watched)

    if NAME == "tensorflow":
        from tensorflow.python.framework import ops

        watch(ops._EagerTensorBase, "_numpy")  # of `numpy()`, `float()`, `bool()` and all others
    elif NAME == "jax":
        import jax

        watch(type(jax.numpy.ones(())), "_value")
        sync = keras.Model.jax_state_sync

        def synced(self):
            seen.extend(["jax_state_sync"] * (not self._jax_state_synced))
            sync(self)

        monkeypatch.setattr(keras.Model, "jax_state_sync", synced)
    else:
        import torch

        for name in ("numpy", "item", "tolist", "cpu", "__float__", "__int__", "__bool__", "__array__"):
            watch(torch.Tensor, name)
    return seen


def reads_by_hook(callbacks, batches, model, reads):
    """How often each hook of callbacks that is called for a batch or an epoch reads from the device in two epochs."""
    found = dict.fromkeys(HOOKS, 0)

    def watch(callback, hook):
        run = getattr(callback, hook)

        def watched(*arguments, **keywords):
            before = len(reads)
            run(*arguments, **keywords)
            found[hook] += len(reads) - before

        if getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook):
            setattr(callback, hook, watched)

    for callback in callbacks:
        for hook in HOOKS:
            watch(callback, hook)
    model.fit(*ones(batches), batch_size=1, epochs=2, callbacks=callbacks, verbose=0)
    return found


HOOKS = [f"on_{what}_{when}" for what in ("epoch", "train_batch", "batch") for when in ("begin", "end")]
FEW, MANY = 120, 240  # batches; the windows of `AdaptiveMomentumRamp` are three in both


@pytest.mark.parametrize("which", ["by epochs", "inside epochs"])
def test_reads_of_an_epoch(which, reads, tmp_path):
    """Callbacks read as often from the device in an epoch of many batches as in one of few, and at no batch unasked."""
    control = tmp_path / "control.json"
    callbacks = {
        "by epochs": lambda: [
            klr.BindSpans(),
            klr.Monitor(log_dir=tmp_path),
            klr.EpochIntervalSwitcher([1], [0.1, 0.2], "weight_decay"),
            klr.EpochSchedule(MOMENTUM, "momentum"),
            klr.PlateauReducer("loss", patience=100),
            klr.LiveControl(control, verbose=0),
        ],
        "inside epochs": lambda: [
            klr.AdaptiveMomentumRamp(),
            klr.PlateauReducer("loss", every=klr.epochs(0.5), patience=100),
            klr.LiveControl(control, every=1, verbose=0),
        ],
    }[which]
    # Its loss is 0 for ever: what a callback does where it changes is no matter of batches.
    model = rate_meter(opt.SGD(klr.Constant(0.0), momentum=0.5, weight_decay=0.1, clipnorm=1.0))
    found = {}
    for batches in (2, FEW, MANY):  # 2 to trace the step, and to take the optimizer in hand
        control.write_text('{"clipnorm": {"set": 0.5}}')  # another time of change: another command
        found[batches] = reads_by_hook(callbacks(), batches, model, reads)
    assert found[FEW] == found[MANY] and found[FEW]["on_epoch_end"] > 0
    assert (found[FEW]["on_train_batch_begin"] > 0) == (which == "inside epochs")
    assert not any(found[MANY][hook] for hook in ("on_train_batch_end", "on_batch_begin", "on_batch_end"))


# What is in a step.


def size(optimizer, count):
    """The nodes, equations or operations of a whole step that trains so many weight tensors."""
    weights = variables(count)
    optimizer.build(weights)
    if NAME == "tensorflow":
        import tensorflow as tf

        @tf.function(autograph=False)
        def step():
            with tf.GradientTape() as tape:
                loss = tf.add_n([tf.reduce_sum(weight.value) for weight in weights])
            optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]))

        graph = step.get_concrete_function().graph.as_graph_def()
        return len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)
    gradients = [keras.ops.ones(2) for _ in weights]
    if NAME == "jax":
        import jax

        state = state_of(optimizer, weights)
        traced = jax.make_jaxpr(lambda state: optimizer.stateless_apply(state[1], gradients, state[0]))(state)
        return len(traced.eqns)
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        operations = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.operations += 1
            return function(*args, **(kwargs or {}))

    with Count() as seen:
        optimizer.apply(gradients)
    return seen.operations


FOLLOWED = {
    "learning_rate": (RATE, 30),
    "weight_decay": (DECAY, 30),
    "beta_1": (MOMENTUM, 55),
    "beta_2": (MOMENTUM, 55),
}


if NAME == "jax":  # where `1 - beta` is an equation for each weight tensor, which XLA makes one
    del FOLLOWED["beta_1"], FOLLOWED["beta_2"]


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_step_grows_by_a_constant(name):
    """What a scheduled hyperparameter adds to a step of AdamW does not grow with the number of its weight tensors."""
    schedule, most = FOLLOWED[name]
    plain = lambda: opt.AdamW(0.01, weight_decay=0.1)  # noqa: E731
    few, many = (size(klr.scheduled(plain(), **{name: schedule}), n) - size(plain(), n) for n in (2, 20))
    assert many <= few <= most


@pytest.mark.tensorflow
def test_a_rate_that_is_scheduled_is_read_no_more():
    """With 20 weight tensors the step with a scheduled rate, which is not read for each, is the smaller one."""
    assert size(klr.scheduled(opt.AdamW(RATE, weight_decay=0.1)), 20) < size(opt.AdamW(0.01, weight_decay=0.1), 20)
