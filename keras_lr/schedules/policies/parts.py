"""A run cut into parts by their shares."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .. import arguments
from ..base import Schedule
from ..spans import Span, exact

Curve = Callable[[float, float, Any], Schedule]


def parts(policy: str, steps: Any, *shares: Any) -> list[Any]:
    """`steps` cut into parts by their shares, and the rest; at least one step each where `steps` is an integer."""
    steps, shares = arguments.validate(policy, "steps", steps), tuple(exact(share) for share in shares)
    if isinstance(steps, Span):
        return [*(steps * share for share in shares), steps * (1 - sum(shares))]
    if steps <= len(shares):
        arguments.reject(policy, "steps", f"an integer > {len(shares)} or a span", steps)
    cuts = [0]
    for n, share in enumerate(itertools.accumulate(shares)):
        cuts.append(min(max(cuts[-1] + 1, round(steps * share)), steps - len(shares) + n))
    return [end - start for start, end in itertools.pairwise([*cuts, steps])]
