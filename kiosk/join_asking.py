"""The way of `kiosk join` over the broker: `kiosk-sync join-ask` asks, kiosk touches no network.

The site's join certificate and key lie beside the settings (`join.pem`, `join.key`) from the first
attempt until the terminal has its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kiosk.errors import JoinError
from kiosk.joining import Place, forget_request
from kiosk.ownership import acts_for_sync, give_to_sync
from store.files import disk_error, place
from store.site_file import Site

_AGAIN = "; then give this command again, it goes on with the same request"
_OVER = {
    "waiting": "the request waits at headquarters for an operator: `kiosk-hq join list`, "
    "`kiosk-hq join sign`",
    "unanswered": "the broker took the request and headquarters did not answer in time: is "
    "`kiosk-hq run` at work, and has its broker the join lines (docs/broker.md)?",
}


class _Outcome(BaseModel):
    """What `kiosk-sync join-ask` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["admitted", "refused", "waiting", "unanswered", "unconnected"]
    answer: str
    why: str


def ask_over_broker(site: Site, raw: bytes, at: Place, timeout_s: float) -> bytes:
    """Headquarters' answer to the request, which `kiosk.joining.install` checks.

    How it goes is said on stderr. Raises `JoinError` that says what to do next.
    """
    certificate, key = _pair(site, at)
    program = str(Path(sys.executable).parent / "kiosk-sync")
    words = [program, "join-ask", "--config", str(at.config), "--timeout", str(timeout_s)]
    words += ["--certificate", str(certificate), "--key", str(key)]
    if acts_for_sync():
        words = ["runuser", "-u", "kiosk-sync", "--", *words]
    try:
        done = subprocess.run(words, input=raw, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise JoinError(f"{error.filename}: {error.strerror}; nothing was asked") from error
    if done.returncode:
        raise JoinError("kiosk-sync could not ask, as it says above; mend that" + _AGAIN)
    try:
        outcome = _Outcome.model_validate_json(done.stdout)
    except ValidationError:
        raise JoinError("kiosk-sync gave no answer that can be read; install both anew") from None
    if outcome.state == "admitted":
        return outcome.answer.encode("utf-8")
    if outcome.state == "refused":
        forget_request(at)
        raise JoinError(f"headquarters refuses: {outcome.why}")
    why = _OVER.get(outcome.state) or (
        f"no connection to {site.host}:{site.port} ({outcome.why or 'no answer'}): look at the "
        "network, the broker, and whether the site file's join certificate is still good"
    )
    raise JoinError(why + _AGAIN)


def require_pair(site: Site) -> tuple[str, str]:
    """The site's join certificate and key, PEM; raises `JoinError` where the file has none."""
    if site.join_certificate is None or site.join_key is None:
        raise JoinError(
            "the site file has no join certificate: `--request-to FOLDER` says where the request "
            "goes, as a stick; `kiosk-hq site export --join-certificate` makes a file with one"
        )
    return site.join_certificate, site.join_key


def forget_pair(at: Place) -> None:
    """The join certificate and key are not needed any more."""
    with disk_error(at.config):
        for name in ("join.key", "join.pem"):
            at.beside(name).unlink(missing_ok=True)


def _pair(site: Site, at: Place) -> tuple[Path, Path]:
    content, secret = require_pair(site)
    certificate, key = at.beside("join.pem"), at.beside("join.key")
    with disk_error(certificate):
        place(certificate, content.encode("utf-8"), 0o644)
        certificate.chmod(0o644)
        place(key, secret.encode("utf-8"))
        give_to_sync(key)
    return certificate, key
