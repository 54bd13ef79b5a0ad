"""Running provision.sh, and single functions of its parts."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "provision.sh"
PARTS = ROOT / "scripts" / "provisioning"

ANSWERS = {
    "SITE": "plant-1",
    "NAME": "gate-a",
    "ZONE": "Europe/Berlin",
    "BROKER": "broker.example.net",
    "CAMERA": "v4l2",
    "PINS": "mock",
}


def provision(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script; nobody is there to be asked."""
    return subprocess.run(
        ["bash", str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def called(function: str, answers: Mapping[str, str], *, setup: str = "") -> str:
    """What a function of the parts prints, given answers; the setup replaces other functions."""
    done = ran(function, answers, setup=setup)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ran(
    function: str, answers: Mapping[str, str], *, setup: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same, however it ends."""
    parts = (
        "steps", "answers", "site", "system", "network", "program", "settings", "terminal",
        "handover",
    )  # fmt: skip
    sources = "\n".join(f"source {PARTS}/{part}.sh" for part in parts)
    given = "\n".join(f"ANSWER[{key}]='{value}'" for key, value in answers.items())
    script = (
        "set -eu\nIS_PI=false DRY_RUN=false OFFLINE='' RECONFIGURE=false\n"
        f"{sources}\n{setup}\n"
        "while IFS='|' read -r key default _; do ANSWER[$key]=$default; done < <(answers_table)\n"
        f"{given}\n{function}\n"
    )
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
