"""The policies that can be compared by name, as expressions. No Keras here, for a fast `--help`."""

from __future__ import annotations

import difflib
import re

POLICIES = {
    "constant": "peak",
    "intervals": "klr.Intervals(klr.fraction(0.5, 0.75), [peak, peak / 10, peak / 100])",
    "exponential": "klr.Exponential(peak, 0.01, steps)",
    "inverse-time": "klr.InverseTime(peak, 9.0, steps)",
    "warmup-cosine": "klr.warmup_cosine(peak, steps, end=peak / 100)",
    "one-cycle": "klr.one_cycle(peak, steps)",
    "plateau": '(peak, [klr.PlateauReducer("val_loss", patience=max(1, epochs // 10))])',
    "prodigy": "klr.scheduled(keras.optimizers.Nadam(), learning_rate=klr.Prodigy(klr.Cosine(1.0, 0.0, steps)))",
}

NAMES = ("peak", "steps", "epochs", "klr", "keras", "np")  # that an expression may use
FUNCTION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")  # module:function


def builtin_name(text: str) -> str | None:
    """The name of the built-in policy that a text names, where `_` may stand for `-`; `None` if it names none."""
    name = text.strip().replace("_", "-")
    return name if name in POLICIES else None


def is_unknown(text: str) -> bool:
    """Whether a text is meant as the name of a policy, but of none that is built in: a word that is no expression."""
    word = text.strip()
    if builtin_name(word) or not re.fullmatch(r"[\w-]+", word):
        return False
    return any(part.isidentifier() and part not in NAMES for part in word.split("-"))


def closest(text: str) -> str:
    """A question about the built-in policy that was probably meant, or nothing."""
    close = difflib.get_close_matches(text.strip().replace("_", "-"), POLICIES, 1)
    return f"Did you mean `{close[0]}`?" if close else ""
