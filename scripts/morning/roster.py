"""Who comes in a morning of many, drawn from a seed: number, name, badge, PIN, and what they do.

The faces are as many as there are photos of different people: two numbers with one face would be
turned away at the enrolment. Everybody else identifies by badge or PIN.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from store.errors import UnsuitablePinError
from store.pins import check_pin

Deed = Literal[
    "face",
    "agrees",  # to the new notice, then punches by face
    "refuses",  # the new notice, and uses the badge
    "withdraws",  # the consent this morning; then the badge
    "badge",
    "declines",  # never consented: the badge, from the first day on
    "pin",
    "mistypes",  # once, then the right PIN
    "locked out",  # mistypes until it has to wait, then the badge
    "twice",  # within the minute
    "undo",
    "break",
    "forgot",  # badge and PIN; headquarters approves
    "forgot, refused",
    "disputes, upheld",
    "disputes, refused",
    "reads",  # the own records
    "not recognised",  # three times; then the badge
    "at the kill",  # the terminal is killed after the answer, and the badge is held once more
    "in the kill",  # the terminal is killed before the answer
]
# One in so many of all who come, and at the least so many.
_SHARES: dict[Deed, tuple[int, int]] = {
    "declines": (10, 2),
    "mistypes": (40, 1),
    "locked out": (200, 1),
    "twice": (20, 1),
    "undo": (40, 1),
    "break": (20, 1),
    "forgot": (67, 1),
    "forgot, refused": (200, 1),
    "disputes, upheld": (100, 1),
    "disputes, refused": (200, 1),
    "reads": (67, 1),
    "not recognised": (200, 1),
    "at the kill": (200, 1),
    "in the kill": (200, 1),
}
BY_PIN: frozenset[Deed] = frozenset(
    {"pin", "mistypes", "locked out", "disputes, upheld", "disputes, refused", "reads"}
)
FEWEST = 24


@dataclass(frozen=True, slots=True)
class Employee:
    """One of the morning. `badge` is the code of a badge, `pin` empty for who has none."""

    number: str
    name: str
    deed: Deed
    badge: str
    pin: str = ""


def roster(people: int, faces: Sequence[str], seed: int) -> list[Employee]:
    """`people` employees, those with `faces` (names) first; the others' deeds in drawn order.

    Raises ValueError for fewer than `FEWEST`, or than four faces.
    """
    if people < FEWEST or len(faces) < len(_FACE_DEEDS):
        raise ValueError(f"a morning needs {FEWEST} people, {len(_FACE_DEEDS)} of them with faces")
    rng = random.Random(seed)
    deeds: list[Deed] = list(_FACE_DEEDS)
    deeds += ["face"] * (len(faces) - len(deeds))
    hands: list[Deed] = []
    for deed, (one_in, least) in _SHARES.items():
        hands += [deed] * max(least, round(people / one_in))
    rest = people - len(deeds) - len(hands)
    hands += rng.choices(("badge", "pin"), (3, 2), k=rest)
    rng.shuffle(hands)
    names = [*faces, *(f"Colleague {n}" for n in range(1, len(hands) + 1))]
    codes = rng.sample(range(10**9, 10**10), people)
    return [
        Employee(
            number := str((1001 if n < len(faces) else 2001) + n),
            name,
            deed,
            str(code),
            _pin(rng, number) if deed in BY_PIN else "",
        )
        for n, (name, deed, code) in enumerate(zip(names, [*deeds, *hands], codes, strict=True))
    ]


_FACE_DEEDS: tuple[Deed, ...] = ("face", "agrees", "refuses", "withdraws")


def _pin(rng: random.Random, number: str) -> str:
    while True:
        pin = f"{rng.randrange(10**6):06}"
        try:
            check_pin(pin, number)
        except UnsuitablePinError:
            continue
        return pin
