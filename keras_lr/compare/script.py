"""Code as text: it is run here, and printed for the user."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from .builtin import FUNCTION

LIBRARIES = {"keras": "import keras", "np": "import numpy as np", "klr": "import keras_lr as klr"}


class BadInput(ValueError):
    """What the user wrote can't be used; the message says why in one line."""

    is_of_keras_lr = True  # for `without_internal_frames`


@contextlib.contextmanager
def failure_of(what: str) -> Iterator[None]:
    """Say in the message of an exception what failed; the user's code may raise anything."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise BadInput(f"{what} failed with {type(error).__name__}: {said}") from error


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run code that may use the libraries and these names; the variables after it."""
    exec("\n".join(LIBRARIES.values()), names)
    exec(code, names)
    return names


def call_of(option: str, text: str, arguments: str) -> tuple[str, str]:
    """The import and the call of a function that an option names as module:function."""
    function = FUNCTION.fullmatch(text)
    if function is None:
        raise BadInput(f"{option} must be module:function, as in mine:make. Received: {text}")
    # Not `from module import function`, because two modules may have functions of the same name.
    return f"import {function[1]}", f"{function[1]}.{function[2]}({arguments})"


def joined(*blocks: str) -> str:
    """Blocks of code as one script, with the imports and those of the libraries at the top."""
    lines = [line for block in blocks for line in [*block.splitlines(), ""]]
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(line for line in lines if line not in imports)).strip()
    needed = [line for name, line in LIBRARIES.items() if re.search(rf"\b{name}\.", body)]
    return "\n".join(dict.fromkeys([*needed, *imports])) + "\n\n" + body
