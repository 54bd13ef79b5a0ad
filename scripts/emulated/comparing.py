"""Two machines' accounts of the same pictures: are they the same recogniser?

Rules: the decision, the person and which frames were embedded must be equal; every embedding must
be within `WITHIN` of the other machine's, number by number, every PAD score within `PAD_WITHIN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

WITHIN = 1e-5  # what the product promises; docs/arm64.md has what was found
PAD_WITHIN = 1e-4


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest differences found, and what is wrong with them (empty when nothing is)."""

    embedding: float
    live: float
    frames: int
    wrong: tuple[str, ...]


def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> Difference:
    """Compare what `emulated.recognising` printed on two machines."""
    wrong = [
        f"{key}: {one[key]!r} on {one['machine']}, {other[key]!r} on {other['machine']}"
        for key in ("verdict", "person")
        if one[key] != other[key]
    ]
    embedded = [[e is not None for e in told["embeddings"]] for told in (one, other)]
    judged = [[score is not None for score in told["live"]] for told in (one, other)]
    if embedded[0] != embedded[1] or judged[0] != judged[1]:
        return Difference(np.inf, np.inf, 0, (*wrong, "other frames were judged or embedded"))
    embedding = _largest(
        [one["template"], *filter(None, one["embeddings"])],
        [other["template"], *filter(None, other["embeddings"])],
    )
    live = _largest(*([s for s in told["live"] if s is not None] for told in (one, other)))
    if not embedding <= WITHIN:
        wrong.append(f"embeddings differ by {embedding:.1e}, allowed is {WITHIN:.0e}")
    if not live <= PAD_WITHIN:
        wrong.append(f"PAD scores differ by {live:.1e}, allowed is {PAD_WITHIN:.0e}")
    return Difference(embedding, live, sum(embedded[0]), tuple(wrong))


def _largest(one: list[Any], other: list[Any]) -> float:
    return float(np.abs(np.asarray(one) - np.asarray(other)).max(initial=0.0))
