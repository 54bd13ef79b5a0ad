"""The provisioning report: what `scripts/provision.sh` made of a machine, signed by the terminal.

    python -m kiosk.handover make --config FILE --state DIR --out REPORT
    python -m kiosk.handover check REPORT.json --key signing.pub

- `REPORT.json` is `{"report", "key", "signature"}`: Ed25519 by `signing.key` over the RFC 8785
  bytes of `report`, in hex. The key inside is for convenience; `check` believes only the one that
  it is given.
- `REPORT.pdf` shows the same on one page, with the JSON file's SHA-256.
- Of every file that provisioning put there it has the digest; of secrets only that they are there.
  It has no person in it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.clock import SystemClock
from kiosk.doctor.finding import Level
from kiosk.errors import KioskError
from kiosk.paper import Rows, Words, pdf
from kiosk.settings import Settings, load
from store.canonical import canonical
from store.certificates import expiry
from store.errors import NotCanonicalError, StoreError
from store.files import place
from store.keys import keys_directory, load_public_key, load_signing_key

# What the page has room for, beside the rest; the JSON has all of them.
_DOCTOR_LINES = 10
_DOCTOR_CHARACTERS = 90
_SECRET_SUFFIXES = (".key", ".cred")


class ReportError(KioskError):
    """A report cannot be read, or is not signed by the key that it should be."""

    exit_code = 7


def signed(report: Mapping[str, Any], keys: Path) -> bytes:
    """The report and its signature as JSON; raises `store.errors.KeyFileError`."""
    key = load_signing_key(keys)
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    whole = {
        "report": report,
        "key": raw.hex(),
        "signature": key.sign(canonical(report)).hex(),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"


def checked(content: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The report in a file that the key signed; raises `ReportError`."""
    try:
        whole = json.loads(content)
        report: dict[str, Any] = whole["report"]
        signature = bytes.fromhex(whole["signature"])
        key.verify(signature, canonical(report))
    except InvalidSignature:
        raise ReportError("the report is not signed by this key, or was changed since") from None
    except (ValueError, KeyError, TypeError, RecursionError, NotCanonicalError):
        raise ReportError("this is no provisioning report; give the JSON file") from None
    return report


def report_of(settings: Settings, state: Path, now: datetime) -> dict[str, Any]:
    """What is to be signed; `state` is the folder in which provision.sh keeps its lists."""
    return {
        "kind": "kiosk provisioning report",
        "made_at": now.isoformat(timespec="seconds"),
        "terminal": f"{settings.terminal.site}/{settings.terminal.name}",
        "program": version("kiosk"),
        "machine": _machine(),
        "keys": "sealed by systemd-creds" if _is_sealed() else "plain files",
        "certificate_until": _certificate_until(settings),
        "steps": dict(line.split("=", 1) for line in _lines(state / "steps")),
        "doctor": _doctor(state / "doctor.json"),
        "packages": _lines(state / "packages"),
        "files": {path: _digest(Path(path)) for path in sorted(_lines(state / "files"))},
    }


def page(report: Mapping[str, Any], json_sha256: str, public_key: str) -> bytes:
    """The report as a page, for the folder in the office."""
    steps = [list(pair) for pair in report["steps"].items()]
    content: list[Words | Rows] = [
        Words("title", f"Terminal {report['terminal']}"),
        Words("paragraph", f"Provisioned {report['made_at']} with kiosk {report['program']}."),
        Rows(
            ("what", "is"),
            [
                *[[name, text] for name, text in report["machine"].items()],
                ["keys", report["keys"]],
                ["certificate until", report["certificate_until"] or "requested, not yet here"],
                ["signing key (Ed25519)", public_key],
                ["SHA-256 of the JSON", json_sha256],
                ["files put here", str(len([d for d in report["files"].values() if d]))],
                ["packages installed", str(len(report["packages"]))],
            ],
            (1, 3),
        ),
        Words("heading", "Steps (done now, or found done)"),
        Rows(
            ("step", "", "step", ""),
            [
                [*steps[i], *(steps[i + 1] if i + 1 < len(steps) else ["", ""])]
                for i in range(0, len(steps), 2)
            ],
            (2, 1, 2, 1),
        ),
        Words("heading", "kiosk doctor"),
        *_doctor_rows(report["doctor"]),
        Words("paragraph", "Handed over by ______________________  to ______________________"),
    ]
    return pdf(f"Terminal {report['terminal']}", "en", content)


def _doctor_rows(doctor: list[Mapping[str, str]] | None) -> Iterator[Words | Rows]:
    if doctor is None:
        yield Words("paragraph", "was not run")
        return
    wrong = [row for row in doctor if row["outcome"] != Level.OK.value]
    yield Words("paragraph", f"{len(doctor) - len(wrong)} of {len(doctor)} lines are ok.")
    if wrong:
        shown = [[row["outcome"], _short(row["what"])] for row in wrong[:_DOCTOR_LINES]]
        yield Rows(("outcome", "what"), shown, (1, 5))
    if len(wrong) > _DOCTOR_LINES:
        yield Words("paragraph", f"and {len(wrong) - _DOCTOR_LINES} more in the JSON")


def _short(text: str) -> str:
    return text if len(text) <= _DOCTOR_CHARACTERS else text[: _DOCTOR_CHARACTERS - 1] + "…"


def _doctor(path: Path) -> list[dict[str, str]] | None:
    """The lines of `kiosk doctor --json`, each an outcome and a text; None when it was not run."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return [
        {"outcome": row["level"], "what": f"{row['name']}: {row['says']}"}
        for row in found["findings"]
    ]


def _machine() -> dict[str, str]:
    release = platform.freedesktop_os_release()
    model = Path("/proc/device-tree/model")
    return {
        "model": model.read_text().strip("\0\n") if model.exists() else platform.machine(),
        "system": release.get("PRETTY_NAME", "unknown"),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _is_sealed() -> bool:
    return any(Path("/etc/kiosk/sealed").glob("*.cred"))


def _certificate_until(settings: Settings) -> str | None:
    ends = expiry(settings.mqtt.certificate)
    return ends.isoformat(timespec="seconds") if ends else None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def _digest(path: Path) -> str | None:
    """SHA-256; a link's target; None for what is not there or is secret."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    if path.suffix in _SECRET_SUFFIXES or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


@click.group()
def main() -> None:
    """The provisioning report."""


_file = click.Path(path_type=Path, dir_okay=False)


@main.command("make")
@click.option("--config", type=_file, required=True)
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--out", type=_file, required=True, help="Without the ending.")
def make_command(config: Path, state: Path, out: Path) -> None:
    """Write and sign the report, as JSON and as a page."""
    settings = load(config)
    keys = keys_directory(settings.store.keys)
    now = SystemClock(settings.terminal.zone).now()
    report = report_of(settings, state, now.utc)
    content = signed(report, keys)
    place(out.with_suffix(".json"), content)
    key = json.loads(content)["key"]
    place(out.with_suffix(".pdf"), page(report, hashlib.sha256(content).hexdigest(), key))


@main.command("check")
@click.argument("file", type=_file)
@click.option("--key", type=_file, required=True, help="The terminal's signing.pub.")
def check_command(file: Path, key: Path) -> None:
    """Say whether the report is as the terminal signed it; ends with 7 when it is not."""
    report = checked(file.read_bytes(), load_public_key(key))
    click.echo(f"{report['terminal']}: signed by this key, made {report['made_at']}")


def run() -> None:
    """Run the command line; an error is one line on stderr."""
    try:
        main()
    except (KioskError, StoreError) as error:
        click.echo(f"kiosk.handover: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", 3)) from None


if __name__ == "__main__":
    run()
