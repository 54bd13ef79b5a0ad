"""The lines on the network, from `kiosk-sync doctor`: kiosk itself never touches it.

Root runs it as the user `kiosk-sync`, whose TLS key it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from kiosk.doctor.finding import Finding, Level, not_checked
from kiosk.doctor.machine import Machine

NAMES = ("dns", "broker tls", "certificate", "tls key", "receipt")
SYNC_USER = "kiosk-sync"


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    level: Level
    says: str
    mend: str = ""


_WAITING = _Line(
    name="certificate",
    level=Level.FAILURE,
    says="not here yet: the request to join waits for headquarters",
    mend="`kiosk-hq join sign`; then give provision.sh or `kiosk join` again (docs/fleet.md)",
)
_LINES = TypeAdapter(list[_Line])


def network(machine: Machine, config: Path, *, as_user: bool) -> list[Finding]:
    """Its five lines; a line that it does not give was not checked.

    While a request to join waits (`kiosk.joining`), what the certificate lacks is that.
    """
    program = str(Path(sys.executable).parent / "kiosk-sync")
    words = [program, "doctor", "--json", "--config", str(config.absolute())]
    if as_user:
        words = ["runuser", "-u", SYNC_USER, "--", *words]
    answer = machine.run(words)
    if answer is None:
        return _none("kiosk-sync doctor cannot be run, or gave no answer in a minute")
    try:
        lines = {line.name: line for line in _LINES.validate_json(answer.out)}
    except ValidationError:
        return _none(" ".join(answer.err.split()) or "kiosk-sync doctor says nothing")
    if (config.parent / "join-request").exists():
        lines["certificate"] = _WAITING
    return [
        Finding(name, lines[name].level, lines[name].says, lines[name].mend)
        if name in lines
        else not_checked(name, "kiosk-sync doctor does not tell")
        for name in NAMES
    ]


def _none(why: str) -> list[Finding]:
    first, *others = NAMES
    mend = "run `kiosk-sync doctor` by hand"
    return [
        not_checked(first, why, mend),
        *(not_checked(name, f"as {first}") for name in others),
    ]
