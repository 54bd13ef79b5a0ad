"""What a record says, in words that somebody understands who has never seen a ledger."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "punch": "Clocked in or out",
    "repeat": "Came again shortly after; the earlier punch counts",
    "declared_punch": "Gave the number without badge or PIN; headquarters decides",
    "correction": "An earlier record was corrected",
    "dispute": "Said that a record is wrong",
    "answer": "Headquarters decided on a dispute or a declared punch",
    "month_confirmed": "Confirmed the punches of a month",
    "credential_change": "Badge or PIN was given or taken away",
    "subject_export": "Everything held was handed out",
    "enrolment": "Templates of the face were made",
    "consent": "Agreed to the notice",
    "withdrawal": "Took the consent back",
    "deletion": "Templates were deleted",
    "site_consent": "Agreed that the site's other terminals get the templates",
    "site_consent_withdrawal": "Took that back",
    "templates_given": "Templates were sealed for another terminal",
    "templates_received": "Templates came from another terminal",
    "person_entry": "Entered on the terminal, or name, language or dates changed",
    "person_status": "Blocked, let in again, or left",
    "person_roles": "Roles at the terminal changed",
    "renewal_due": "New photos were asked for, since recognition got worse",
    "adaptation": "Templates were taken up from visits, or taken back",
}
_SCALED = "_millionths"
_PASSED_OVER = frozenset({"person", "v"})


def meaning(kind: str) -> str:
    """What happened; the kind itself for one that a newer program wrote."""
    return MEANINGS.get(kind, kind.replace("_", " "))


def details(body: Mapping[str, object]) -> str:
    """The rest of a record's body as "method: face; score: 0.61"; what is empty is left out."""
    said = []
    for field, value in body.items():
        if field in _PASSED_OVER or value is None or value in ("", [], {}):
            continue
        name = field.removesuffix(_SCALED).replace("_", " ")
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        elif field.endswith(_SCALED) and isinstance(value, int):
            shown = f"{value / 1e6:.3f}"
        elif isinstance(value, list):
            shown = ", ".join(str(one) for one in value)
        else:
            shown = str(value)
        said.append(f"{name}: {shown}")
    return "; ".join(said)
