"""What a user writes: mypy and pyright have nothing to say about it."""

from typing import Any

import keras
import numpy as np

import keras_lr as klr


@klr.schedule
class Bare(klr.Schedule):
    """value = start * (1 - t / steps)"""

    start: float
    steps: klr.Length

    def at(self, step: klr.Step) -> Any:
        return self.start * step.left(self.steps)


@klr.schedule(package="mine")
class Packaged(klr.Schedule):
    """value = start * (1 - t / steps), never below end"""

    start: float
    steps: klr.Length
    end: float = 0.0

    def at(self, step: klr.Step) -> Any:
        return step.ops.maximum(self.start * step.left(self.steps), self.end)


bare = Bare(0.1, steps=100)
packaged = Packaged(0.1, steps=klr.epochs(3), end=0.01)
bare_in_epochs: Bare = Bare(0.1, steps=klr.epochs(3))
packaged_in_steps: Packaged = Packaged(start=0.1, steps=100)
lengths: list[klr.Length] = [bare.steps, packaged.steps, 10, klr.examples(60_000), klr.fraction(0.3), "20 epochs"]
numbers: list[float] = [bare.start, packaged.end]
of_keras: keras.optimizers.schedules.LearningRateSchedule = packaged
several: list[klr.Schedule] = [bare, packaged, klr.Linear(0.1, 0.0, steps=100)]

cosine = klr.Cosine(0.1, 0.0, steps=klr.epochs(12), exponent=2.0)
warm = klr.Warmup(cosine, steps=500, start=0.01)
parts = klr.Sequence([warm, bare, 0.001], boundaries=[600, 700])
intervals = klr.Intervals(klr.epochs(20, 60), [0.1, 0.01, 0.001])
cycles = klr.Repeat(klr.Linear(0.1, 0.0, steps=10), period=10, shrink=0.5)
policy = klr.one_cycle(peak=0.4, steps=klr.epochs(12))

values: np.ndarray = bare.values(10)
first: float = float(packaged.bind(steps_per_epoch=100).values([0, 1, 2])[0])
is_bound: bool = intervals.bind(steps_per_epoch=225, epochs=100, batch_size=32).is_bound
tensor = cycles(keras.ops.arange(10))
config: dict[str, Any] = warm.get_config()
again = klr.Warmup.from_config(config)

model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
sgd = keras.optimizers.SGD(0.1, momentum=0.9)  # pyright takes the default, a float, for the type of Keras' argument
optimizer = klr.scheduled(sgd, learning_rate=policy, momentum=klr.one_cycle_momentum(steps=1000))
model.compile(optimizer=optimizer, loss="mse")
klr.set_learning_rate(model, parts)
callbacks = [klr.BindSpans(steps_per_epoch=100), klr.PlateauReducer("loss", factor=0.5, patience=3), klr.Monitor()]
model.fit(np.ones([8, 3]), np.ones([8]), callbacks=callbacks)
