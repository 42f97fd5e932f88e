"""What a user gets wrong: each line with the mark `error` is reported, and no other.

What mypy can't tell is marked for pyright alone: it reads nothing of Keras, and a class whose base it doesn't know may
have any argument and attribute.
"""

from typing import Any

import keras_lr as klr


@klr.schedule
class Bare(klr.Schedule):
    start: float
    steps: klr.Length

    def at(self, step: klr.Step) -> Any:
        return self.start * step.left(self.steps)


@klr.schedule(package="mine")
class Packaged(klr.Schedule):
    start: float
    steps: klr.Length

    def at(self, step: klr.Step) -> Any:
        return self.start * step.left(self.steps)


klr.Linear(0.1, 0.0, stpes=100)  # error of pyright
Bare(0.1, stpes=100)  # error of pyright
Packaged(0.1, stpes=100)  # error of pyright

klr.Linear(0.1, steps=100)  # error of pyright
Bare(0.1)  # error of pyright
Packaged(0.1)  # error of pyright

klr.Linear("0.1", 0.0, steps=100)  # error of pyright
Bare(0.1, steps=[100])  # error
Packaged(0.1, steps=[100])  # error

Bare(0.1, steps=100).start = 0.2  # error
print(Packaged(0.1, steps=100).stpes)  # error of pyright
klr.one_cycle(max_lr=0.4, steps=100)  # error
klr.PlateauReducer("loss", min_delta=0.1)  # error
