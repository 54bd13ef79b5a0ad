"""systemd's units, timers and the roles' groups, as systemd and the user database tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kiosk.callers import GROUPS
from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from kiosk.doctor.machine import Machine

SERVICES = ("kiosk.service", "kiosk-sync.service")
SCREEN = ("kiosk-screen.socket", "kiosk-browser.service")
TIMERS = ("kiosk-retention.timer", "kiosk-backup.timer")
# What the units are held to (`systemd-analyze security`); 10 is no protection at all.
EXPOSURE: Mapping[str, float] = {"kiosk.service": 2.0, "kiosk-sync.service": 1.5}
_LEVEL = re.compile(r"exposure level for \S+: ([0-9.]+)")
_NO_SYSTEMD = "systemd does not run here"


def systemd_runs(machine: Machine) -> bool:
    """Whether systemd is what started this machine (sd_booted(3))."""
    return (machine.root / "run/systemd/system").is_dir()


def units(machine: Machine, *, screen: bool = False) -> Finding:
    """The daemons run and come again with the machine; with a `screen` its units too."""
    return _up("units", machine, (*SERVICES, *(SCREEN if screen else ())))


def timers(machine: Machine) -> Finding:
    """Retention and backup are due, and went well the last time."""
    found = _up("timers", machine, TIMERS)
    if found.mend or not systemd_runs(machine):
        return found
    jobs = [timer.replace(".timer", ".service") for timer in TIMERS]
    failed = [job for job in jobs if _word(machine, "is-failed", job) == "failed"]
    if failed:
        return failure(
            "timers", f"the last run of {', '.join(failed)} failed", "`journalctl -u` says why"
        )
    return found


def _up(name: str, machine: Machine, wanted: Iterable[str]) -> Finding:
    if not systemd_runs(machine):
        return not_checked(name, _NO_SYSTEMD)
    active = {unit: _word(machine, "is-active", unit) for unit in wanted}
    enabled = {unit: _word(machine, "is-enabled", unit) for unit in wanted}
    if None in active.values() or None in enabled.values():
        return not_checked(name, "systemctl gives no answer")
    down = [f"{unit} is {word}" for unit, word in active.items() if word != "active"]
    if down:
        return failure(
            name, ", ".join(down), "`systemctl status` says why; `systemctl enable --now`"
        )
    passing = [f"{unit} is {word}" for unit, word in enabled.items() if word != "enabled"]
    if passing:
        return warning(
            name, f"{', '.join(passing)}: gone after a power cut", "`systemctl enable`, or --fix"
        )
    return ok(name, f"{' and '.join(active)} active and enabled")


def _word(machine: Machine, verb: str, unit: str) -> str | None:
    answer = machine.run(["systemctl", verb, unit])
    if answer is None:
        return None
    return answer.out.strip() or "not there"


def hardening(machine: Machine) -> Finding:
    """How much the daemons' sandbox leaves open."""
    name = "hardening"
    if not systemd_runs(machine):
        return not_checked(name, _NO_SYSTEMD)
    levels: dict[str, float] = {}
    for unit in EXPOSURE:
        answer = machine.run(["systemd-analyze", "security", "--no-pager", unit])
        match = None if answer is None else _LEVEL.search(answer.out)
        if match is None:
            return not_checked(name, f"systemd-analyze says nothing of {unit}")
        levels[unit] = float(match[1])
    says = ", ".join(f"{unit} {level:g}" for unit, level in levels.items())
    over = [unit for unit, level in levels.items() if level > EXPOSURE[unit]]
    if over:
        return warning(
            name,
            f"{says}; at most {', '.join(f'{EXPOSURE[unit]:g}' for unit in over)} wanted",
            "look for drop-ins that open it: `systemctl cat`",
        )
    return ok(name, f"exposure of {says} (10 is no protection)")


def groups(there: Iterable[str]) -> Finding:
    """The roles' Unix groups; `there` are the machine's groups."""
    missing = sorted(set(GROUPS) - set(there))
    if len(missing) == len(GROUPS):
        return warning(
            "groups",
            "no role has a group: whoever owns the store may everything",
            "systemd/kiosk.sysusers and systemd/kiosk-devices.sysusers to /usr/lib/sysusers.d as "
            "kiosk.conf and kiosk-devices.conf, then `systemd-sysusers`",
        )
    if missing:
        return failure("groups", f"not there: {', '.join(missing)}", "`systemd-sysusers`")
    return ok("groups", f"{len(GROUPS)} roles have their group")
