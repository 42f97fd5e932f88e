"""Interrupts a call at any line of the package, as Ctrl-C does, to see what it leaves behind."""

import contextlib
import sys
from pathlib import Path

import keras_lr

PACKAGE = str(Path(keras_lr.__file__).parent)


class Interruption(KeyboardInterrupt):
    """The Ctrl-C of a test."""


@contextlib.contextmanager
def _tracing(at_line):
    """Call `at_line` before each line of the package that is executed."""

    def trace(frame, event, arg):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            at_line(frame)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def lines_of(call, sample=None):
    """When a call executes each line of the package, for the first and for the last time: what `interrupt_at` takes.

    With a number for `sample`, only so many of them, spread evenly.
    """
    count, first, last = 0, {}, {}

    def at_line(frame):
        nonlocal count
        place = frame.f_code.co_filename, frame.f_lineno
        first.setdefault(place, count)
        last[place] = count
        count += 1

    with _tracing(at_line):
        call()
    lines = sorted({*first.values(), *last.values()})
    return lines if sample is None else [lines[i * (len(lines) - 1) // (sample - 1)] for i in range(sample)]


def interrupt_at(line, call):
    """Make a call and interrupt it once, at the given one of the lines that it executes, counted from 0.

    Returns where that was, as "file.py:12", or `None` if the call ended before.
    """
    left, place = line, None

    def at_line(frame):
        nonlocal left, place
        left -= 1
        if left == -1:
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            raise Interruption(place)

    with _tracing(at_line):
        try:
            call()
        except BaseException as error:
            if not _is_caused_by_interruption(error):
                raise
    return place


def _is_caused_by_interruption(error):
    """Whether an error is the interruption or comes of it: backends wrap what is raised inside their calls."""
    while error is not None:
        if isinstance(error, Interruption) or "Interruption" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
