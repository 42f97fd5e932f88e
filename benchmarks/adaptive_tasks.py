"""The tasks of `adaptive.py`: data that is there offline, small networks, and a result in points, 100 for perfect.

Seven that differ: a plain network, a deep and a convolutional one on Fashion-MNIST, one with batch normalization on the
digits of scikit-learn, a transformer that predicts the next character of Python's own help, a regression, fine-tuning.
"""

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

CHARACTERS, WIDTH, HEADS = 32, 32, 2  # of a text, of the transformer


@dataclasses.dataclass
class Task:
    """One task: `(x, y)` to train on, to tune on and to report, and a function that makes a network.

    `start` are weights to begin with in all layers but the last, for fine-tuning. The loss is the mean squared error
    for a regression and the cross-entropy otherwise.
    """

    name: str
    data: tuple[Any, Any, Any]
    network: Callable[[], Any]
    batch: int = 64
    regression: bool = False
    start: list[Any] | None = None

    @property
    def loss(self) -> Any:
        if self.regression:
            return keras.losses.MeanSquaredError()
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def model(self, seed: int) -> Any:
        """A new network, with initial weights from `seed`."""
        keras.utils.set_random_seed(seed)
        model = self.network()
        if self.start is not None:
            model.set_weights([*self.start, *model.get_weights()[len(self.start) :]])
        return model

    def batches(self, seed: int, steps: int) -> np.ndarray:
        """The indices of the examples in each step, of shape (steps, batch); each epoch in a new order."""
        random, examples = np.random.default_rng(seed), len(self.data[0][0])
        whole = examples // self.batch * self.batch
        order = [random.permutation(examples)[:whole] for _ in range(-(-steps * self.batch // whole))]
        return np.concatenate(order)[: steps * self.batch].reshape(steps, self.batch)

    def trivial(self, y: np.ndarray) -> float:
        """The points for `y` of the best answer that doesn't depend on x."""
        return 0.0 if self.regression else 100 * float(np.bincount(y.ravel()).max()) / y.size


def tasks(folder: Path, names: list[str] | None) -> dict[str, Task]:
    """The tasks by name, all of them for `None`; those of Fashion-MNIST only if its files are in `folder`."""
    makers = {maker.__name__.replace("_", "-"): maker for maker in (digits, characters, arm)}
    if (folder / "train-images-idx3-ubyte.gz").exists():
        images = fashion_mnist(folder)
        for maker in (fashion_mlp, fashion_deep, fashion_conv, fine_tuning):
            makers[maker.__name__.replace("_", "-")] = lambda maker=maker: maker(images)
    else:
        print(f"No Fashion-MNIST in {folder}: four tasks are left out. Its four .gz files are in `--fashion-mnist`.")
    return {name: maker() for name, maker in makers.items() if names is None or name in names}


def fashion_mnist(folder: Path) -> tuple[Any, Any]:
    """The 60,000 + 10,000 images of Zalando (Xiao, Rasul and Vollgraf, 2017), with mean 0 and deviation 1."""

    def read(name: str, offset: int) -> np.ndarray:
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), "uint8", offset=offset)

    sets = []
    for part in ("train", "t10k"):
        x = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1).astype("float32")
        sets.append(((x - 72.94) / 90.02, read(f"{part}-labels-idx1-ubyte.gz", 8).astype("int32")))
    return sets[0], sets[1]


def fashion_mlp(images: Any) -> Task:
    """The task of the first evidence: 784-128-64-10, 20,000 images."""
    (x, y), test = images

    def network() -> Any:
        hidden = [layers.Dense(size, activation="relu") for size in (128, 64)]
        return keras.Sequential([keras.Input([28, 28, 1]), layers.Flatten(), *hidden, layers.Dense(10)])

    return Task("fashion-mlp", ((x[:20_000], y[:20_000]), (x[-5000:], y[-5000:]), test), network)


def halved(images: Any) -> Any:
    """The images with 14x14 pixels, and their labels."""
    return tuple((x.reshape(-1, 14, 2, 14, 2, 1).mean(axis=(2, 4)), y) for x, y in images)


def fashion_deep(images: Any) -> Task:
    """16 hidden layers without normalization or shortcuts, which need a smaller rate than is usual."""
    (x, y), test = halved(images)

    def network() -> Any:
        relu = {"activation": "relu", "kernel_initializer": "he_normal"}
        hidden = [layers.Dense(64, **relu) for _ in range(16)]
        return keras.Sequential([keras.Input([14, 14, 1]), layers.Flatten(), *hidden, layers.Dense(10)])

    return Task("fashion-deep", ((x[:20_000], y[:20_000]), (x[-5000:], y[-5000:]), test), network, batch=32)


def convolutions(classes: int) -> Any:
    """Three small convolutions, without normalization."""
    stack = [layers.Conv2D(size, 3, strides=2, padding="same", activation="relu") for size in (8, 16, 32)]
    return keras.Sequential([keras.Input([14, 14, 1]), *stack, layers.Flatten(), layers.Dense(classes)])


def fashion_conv(images: Any) -> Task:
    (x, y), test = halved(images)
    data = (x[:20_000], y[:20_000]), (x[-5000:], y[-5000:]), test
    return Task("fashion-conv", data, lambda: convolutions(10), batch=16)


def fine_tuning(images: Any) -> Task:
    """Pretrained on trousers, shoes and bags, then trained on the five kinds of tops, 2,000 images of them."""
    tops = np.array([0, 2, 3, 4, 6])

    def part(images: Any, wanted: np.ndarray, most: int) -> Any:
        x, y = images
        chosen = np.flatnonzero(np.isin(y, wanted))[:most]
        return x[chosen], np.searchsorted(wanted, y[chosen]).astype("int32")

    train, test = halved(images)
    keras.utils.set_random_seed(0)
    model = convolutions(5)
    model.compile(keras.optimizers.Adam(0.002), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*part(train, np.array([1, 5, 7, 8, 9]), 10_000), batch_size=32, epochs=2, verbose=0)
    x, y = part(train, tops, 4500)
    data = (x[:2000], y[:2000]), (x[2000:], y[2000:]), part(test, tops, 5000)
    return Task("fine-tuning", data, lambda: convolutions(5), batch=16, start=model.get_weights()[:-2])


def digits() -> Task:
    """The 1,797 digits of scikit-learn, 900 of them to train on, and a network with batch normalization."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x = (x / 16 - 0.3).reshape(-1, 8, 8, 1).astype("float32")[order]
    y = y.astype("int32")[order]

    def network() -> Any:
        stack = []
        for size in (16, 32):
            stack += [layers.Conv2D(size, 3, strides=2, use_bias=False), layers.BatchNormalization(momentum=0.9)]
            stack += [layers.Activation("relu")]
        return keras.Sequential([keras.Input([8, 8, 1]), *stack, layers.Flatten(), layers.Dense(10)])

    return Task("digits", ((x[:900], y[:900]), (x[900:1200], y[900:1200]), (x[1200:], y[1200:])), network, batch=32)


def characters() -> Task:
    """The next character of the help of this version of Python, 440 kB, by a transformer with two blocks."""
    from pydoc_data import topics

    texts = [topics.topics[name] for name in sorted(topics.topics)]
    text = "".join(texts[i] for i in np.random.default_rng(0).permutation(len(texts)))
    alphabet, codes = np.unique(np.frombuffer(text.encode("ascii", "replace"), "uint8"), return_inverse=True)
    codes = codes.astype("int32")

    def part(begin: float, end: float, stride: int) -> Any:
        some = codes[int(begin * len(codes)) : int(end * len(codes))]
        windows = np.lib.stride_tricks.sliding_window_view(some, CHARACTERS + 1)[::stride]
        return windows[:, :-1].copy(), windows[:, 1:].copy()

    data = part(0, 0.8, 16), part(0.8, 0.88, CHARACTERS), part(0.88, 1, CHARACTERS)
    return Task("characters", data, lambda: transformer(len(alphabet)), batch=8)


class Position(layers.Layer):
    """Adds a learned embedding of the position."""

    def build(self, shape: Any) -> None:
        self.embedding = self.add_weight(shape=shape[1:], initializer="uniform", name="embedding")

    def call(self, x: Any) -> Any:
        return x + self.embedding


def transformer(size: int) -> Any:
    """Decoder blocks with layer normalization first."""
    inputs = keras.Input([CHARACTERS], dtype="int32")
    x = Position()(layers.Embedding(size, WIDTH)(inputs))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
        y = layers.Dense(4 * WIDTH, activation="relu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(WIDTH)(y)
    return keras.Model(inputs, layers.Dense(size)(layers.LayerNormalization()(x)))


def arm() -> Task:
    """How far the tip of an arm with four joints reaches, from its angles and lengths: a smooth but curved function."""
    random = np.random.default_rng(0)
    angles, lengths = random.uniform(-np.pi, np.pi, (17_000, 4)), random.uniform(0, 1, (17_000, 4))
    direction = np.cumsum(angles, axis=1)
    reach = np.hypot((lengths * np.cos(direction)).sum(1), (lengths * np.sin(direction)).sum(1))
    x = np.concatenate([angles / 1.81, (lengths - 0.5) / 0.29], axis=1).astype("float32")
    y = ((reach - reach.mean()) / reach.std()).astype("float32")[:, None]

    def network() -> Any:
        hidden = [layers.Dense(64, activation="tanh") for _ in range(3)]
        return keras.Sequential([keras.Input([8]), *hidden, layers.Dense(1)])

    parts = slice(0, 10_000), slice(10_000, 12_000), slice(12_000, None)
    train, tune, test = ((x[part], y[part]) for part in parts)
    return Task("arm", (train, tune, test), network, regression=True)
