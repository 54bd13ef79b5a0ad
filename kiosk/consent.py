"""Whether somebody agreed to the notice as it is now, and agreeing to it anew.

No face counts before: the door asks `accepted` at every punch by face, so it is one query of one
row. Badge and PIN need no consent. A new version of the notice makes it False for everybody.
"""

from __future__ import annotations

from kiosk.stores import Stores
from store.errors import UnknownPersonError
from store.records import Instant
from store.register import Agreement


def accepted(stores: Stores, person: str) -> bool:
    """Whether the consent of the person with this number is in force, and to this version."""
    return stores.gallery.consent_version(person) == stores.notices.version


def renew(
    stores: Stores,
    person: str,
    language: str | None,
    how: str,
    now: Instant,
    witness: str | None = None,
) -> bool:
    """Record that somebody agreed to the notice; False, and no record, when they had already.

    `language` is the one that they read, None for their own. Raises `UnknownPersonError`,
    `InvalidValueError`, and `ConstraintError` for who has left.
    """
    known = stores.gallery.person(person)
    if known is None:
        raise UnknownPersonError(
            "nobody has this number here; `kiosk people list` shows who has one"
        )
    if accepted(stores, person):
        return False
    notice = stores.notices.of(language or known.language)
    agreement = Agreement(notice.version, notice.digest, how, witness)
    stores.register.agree(person, agreement, now)
    return True
