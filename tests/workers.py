"""Trains one model in two processes, on any backend: `train` as this process' part of it, `train_in_two` in both."""

import json
import os
import socket
import subprocess
import sys

import keras
import numpy as np

import keras_lr as klr

RANK, WORKERS = int(os.environ.get("WORKER", "0")), int(os.environ.get("WORKERS", "1"))
ADDRESSES = os.environ.get("ADDRESSES", "").split()
EPOCHS, BATCHES, BATCH = 6, 4, 16  # of all workers
X = np.random.default_rng(0).normal(size=[BATCHES * BATCH, 4]).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
SIZE = BATCH // WORKERS
# The examples of this worker: its part of each batch.
OWN = np.concatenate([np.arange(b * BATCH + RANK * SIZE, b * BATCH + (RANK + 1) * SIZE) for b in range(BATCHES)])


def new_model():
    """A model whose rate follows a schedule in examples, and whose momentum follows a rule."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input([4]), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    rate = klr.Linear(0.4, 0.1, steps=klr.examples(2 * BATCHES * BATCH))
    optimizer = klr.scheduled(keras.optimizers.SGD(rate, momentum=0.9), momentum=klr.AdaptiveMomentum())
    model.compile(optimizer, "mse")
    return model


def new_callbacks():
    """A reduction that is due in every second epoch, since no loss is good enough for it."""
    return [klr.BindSpans(batch_size=BATCH), klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=0.2)]


def train_with_jax():
    import jax

    if WORKERS > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        keras.distribution.initialize(",".join(ADDRESSES), WORKERS, RANK)
        mesh = keras.distribution.DeviceMesh([WORKERS], ["batch"], keras.distribution.list_devices())
        keras.distribution.set_distribution(keras.distribution.DataParallel(mesh, auto_shard_dataset=False))
    model = new_model()
    model.fit(X[OWN], Y[OWN], batch_size=SIZE, epochs=EPOCHS, shuffle=False, callbacks=new_callbacks(), verbose=0)
    return model


def loop(model, step):
    """An epoch after the other, with callbacks; `step` trains on a batch of this worker and returns the joint loss."""
    callbacks = keras.callbacks.CallbackList(new_callbacks(), model=model, epochs=EPOCHS, steps=BATCHES)
    callbacks.on_train_begin()
    for epoch in range(EPOCHS):
        callbacks.on_epoch_begin(epoch)
        losses = []
        for batch in np.split(OWN, BATCHES):
            callbacks.on_train_batch_begin(len(losses))
            losses.append(step(X[batch], Y[batch]))
            callbacks.on_train_batch_end(len(losses) - 1)
        callbacks.on_epoch_end(epoch, {"loss": float(np.mean(losses))})
    callbacks.on_train_end()
    return model


def train_with_torch():
    import torch
    import torch.distributed

    model = new_model()
    if WORKERS == 1:
        parallel = model
    else:
        torch.distributed.init_process_group("gloo", f"tcp://{ADDRESSES[0]}", rank=RANK, world_size=WORKERS)
        parallel = torch.nn.parallel.DistributedDataParallel(model)

    def step(x, y):
        model.zero_grad()
        loss = ((parallel(torch.tensor(x)) - torch.tensor(y)) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            weights = model.trainable_variables
            model.optimizer.apply([weight.value.grad for weight in weights], weights)
        loss = loss.detach()
        if WORKERS > 1:  # the reducer must see the same loss on every worker
            torch.distributed.all_reduce(loss)
        return float(loss) / WORKERS

    return loop(model, step)


def train_with_tensorflow():
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy() if WORKERS > 1 else tf.distribute.get_strategy()
    with strategy.scope():
        model = new_model()
        model.optimizer.build(model.trainable_variables)

    def step_of_worker(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((model(x, training=True) - y) ** 2) / BATCH
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    @tf.function
    def step(x, y):
        return strategy.reduce("SUM", strategy.run(step_of_worker, (x, y)), axis=None)

    return loop(model, step)


def train():
    """Train in this process, alone or as one of the workers; what it reached."""
    backends = {"jax": train_with_jax, "torch": train_with_torch, "tensorflow": train_with_tensorflow}
    model = backends[keras.backend.backend()]()
    if WORKERS > 1:
        try:
            klr.LiveControl("control.json").set_model(model)
            raise AssertionError("`LiveControl` was not refused")
        except ValueError as error:
            assert "works in one process" in str(error)
    optimizer, number = model.optimizer, lambda value: float(keras.ops.convert_to_numpy(value))
    return {
        "weights": [weight.tolist() for weight in model.get_weights()],
        "rate": number(optimizer.learning_rate),
        "momentum": number(optimizer.momentum),
        "factor": number(optimizer._managed.variables["factor"]),
        "steps": int(number(optimizer.iterations)),
    }


def train_in_two():
    """Train in two processes of their own; what each of them reached."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    addresses = [f"localhost:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    processes = []
    for rank in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        settings = {
            "WORKER": str(rank),
            "WORKERS": "2",
            "ADDRESSES": " ".join(addresses),
            "TF_CONFIG": json.dumps(task),
        }
        command, pipe = [sys.executable, __file__], subprocess.PIPE
        processes.append(subprocess.Popen(command, env=os.environ | settings, stdout=pipe, stderr=pipe, text=True))
    try:
        outputs = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs]


if __name__ == "__main__":
    print(json.dumps(train()))
