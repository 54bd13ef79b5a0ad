"""Which templates of a person stand at a terminal, when a site's terminals share them.

Rules; nothing here reads a file or a clock:
- Headquarters numbers every share and every withdrawal of a site in one order. The highest number
  decides, in whatever order and however often messages come.
- What was enrolled here and has no number yet is not replaced: it is newer than anything numbered
  that its terminal knew. It gets its number when headquarters lets this terminal share it.
- An ordered withdrawal takes away all that has no higher number, also what has none.
- Who withdrew here gets no templates from elsewhere until headquarters has heard of it.

    standing = Standing()
    if not refusal(standing, 7, unheard=False):
        standing = received(standing, 7)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's templates at one terminal.

    `held` is the number of the templates that are here, 0 without any or when they have none;
    `floor` the highest number of a share or a withdrawal that was done; `own`: they were enrolled
    here and have no number yet; `came`: they are another terminal's.
    """

    held: int = 0
    floor: int = 0
    own: bool = False
    came: bool = False


def refusal(standing: Standing, number: int, *, unheard: bool) -> str | None:
    """Why the templates of that number are not taken from another terminal; None: they are.

    `unheard`: the person withdrew here and headquarters did not know when it gave the number.
    """
    if unheard:
        return "withdrawn here since"
    if number <= standing.floor:
        return "not newer than what was done here"
    return "enrolled here and not shared yet" if standing.own else None


def received(standing: Standing, number: int) -> Standing:
    """The templates of that number were taken in place of all others."""
    return Standing(number, max(standing.floor, number), came=True)


def enrolled(standing: Standing) -> Standing:
    """Templates were made here."""
    return Standing(floor=standing.floor, own=True)


def withdrawn_here(standing: Standing) -> Standing:
    """The person withdrew at this terminal; headquarters has yet to give it a number."""
    return Standing(floor=standing.floor)


def withdrawn(standing: Standing, number: int) -> Standing:
    """Headquarters ordered the withdrawal of that number."""
    if standing.held > number:  # consented to and shared since
        return standing
    return Standing(floor=max(standing.floor, number))


def share_refusal(standing: Standing, number: int) -> str | None:
    """Why what is here is not given away under that number; None: it is.

    The same number comes once for each receiver, and stands for the same templates.
    """
    if standing.came:
        return "the templates came from another terminal"
    if number < standing.floor:
        return "overtaken by a later share or withdrawal"
    if number == standing.floor and standing.held != number:
        return "changed since; share again"
    return None


def shared(standing: Standing, number: int) -> Standing:
    """What is here was given away under that number, which is now its own."""
    return Standing(number, max(standing.floor, number))


Ending = Literal["withdraw", "unshare"]


def ending(kind: str, body: Mapping[str, Any]) -> Ending | None:
    """What a terminal's record means for the site's other terminals; None: nothing.

    What headquarters ordered has the order's number and is not passed on again.
    """
    if body.get("order") is not None:
        return None
    if kind == "site_consent_withdrawal":
        return "unshare"
    if kind == "withdrawal":
        return "withdraw"
    gone = body.get("reason") == "removed" or (
        body.get("reason") in ("left", "retention") and body.get("templates")
    )
    return "withdraw" if kind == "deletion" and gone else None


ENDINGS = ("withdrawal", "deletion", "site_consent_withdrawal")
