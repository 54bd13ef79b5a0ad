"""Keys sealed by `systemd-creds`: to the TPM where there is one, else to the host's own key.

- A sealed key is `NAME.cred` and carries its credential's name, so none is taken for another. The
  units' drop-ins (`systemd/sealed/`) hand them to the services.
- The key goes from its file to `systemd-creds` and back as an open file, never as an argument and
  never through this process.
- A file is whole or absent, and durable when a function returns. Sealing replaces what was sealed
  before; unsealing never overwrites a key.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

from store.errors import ExposedKeyError, KeyFileError, MissingKeyError
from store.files import sync_directory
from store.keys import DatabaseName
from store.rotation import Copies

NAMES = (
    "ledger.key",
    "gallery.key",
    "templates.key",
    "badges.key",
    "signing.key",
    "sealing.key",
)
_WAITING = ".new"


def seal_keys(keys: Path, sealed: Path) -> tuple[str, ...]:
    """Seal every secret key in `keys` into `sealed`; returns the files' names.

    Raises `KeyFileError`.
    """
    _make_folder(sealed)
    names = [n for name in NAMES for n in (name, name + _WAITING)]
    found = [name for name in names if (keys / name).exists()]
    if missing := set(NAMES) - set(found):
        raise MissingKeyError(f"{keys}: {', '.join(sorted(missing))} is not there; nothing sealed")
    return tuple(_seal(keys / name, sealed).name for name in found)


def unseal_keys(sealed: Path, keys: Path) -> tuple[str, ...]:
    """Open every sealed key into `keys`, which should be in memory (`/run`); returns the names.

    A key that is there already stays. Raises `KeyFileError`.
    """
    _make_folder(keys)
    names = [n for name in NAMES for n in (name, name + _WAITING)]
    found = [name for name in names if (sealed / f"{name}.cred").exists()]
    if not found:
        raise MissingKeyError(f"{sealed}: there is no sealed key; `kiosk keys seal` makes them")
    opened = [name for name in found if not (keys / name).exists()]
    for name in opened:
        with (sealed / f"{name}.cred").open("rb") as source:
            _through("decrypt", name.removesuffix(_WAITING), source, keys / name)
    return tuple(opened)


def sealed_copies(keys: Path, sealed: Path) -> Copies:
    """The sealed copies of a rotation's keys."""

    def place(name: DatabaseName) -> None:
        _seal(keys / f"{name}.key{_WAITING}", sealed)

    def take(name: DatabaseName) -> None:
        waiting = sealed / f"{name}.key{_WAITING}.cred"
        _on_disk(sealed, lambda: waiting.replace(sealed / f"{name}.key.cred"))

    return Copies(place, take)


def _seal(key: Path, sealed: Path) -> Path:
    out = sealed / f"{key.name}.cred"
    try:
        if key.stat().st_mode & 0o027:
            raise ExposedKeyError(f"{key}: others can read or write it; `chmod 0400 {key}`")
        with key.open("rb") as source:
            _through("encrypt", key.name.removesuffix(_WAITING), source, out)
    except KeyFileError:
        raise
    except OSError as error:
        raise KeyFileError(f"{key}: cannot be read: {error.strerror}") from error
    return out


def _through(verb: str, name: str, source: IO[bytes], out: Path) -> None:
    """`systemd-creds verb` from an open file to a new one, put in place whole."""
    aside = out.with_name(f".{out.name}.{os.getpid()}")

    def write() -> None:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
        with os.fdopen(handle, "wb") as file:
            options = ["--with-key=auto"] if verb == "encrypt" else []
            done = subprocess.run(
                ["systemd-creds", verb, f"--name={name}", *options, "-", "-"],
                stdin=source,
                stdout=file,
                stderr=subprocess.PIPE,
                check=False,
            )
            if done.returncode != 0:
                why = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"]
                raise KeyFileError(f"{out}: systemd-creds cannot {verb} it: {why[-1]}")
            os.fsync(file.fileno())
        aside.replace(out)

    try:
        _on_disk(out.parent, write)
    except FileNotFoundError:
        raise KeyFileError(
            "systemd-creds is not there; sealing needs systemd 250 or newer"
        ) from None
    finally:
        aside.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{folder}: cannot be made: {error.strerror}") from error


def _on_disk(folder: Path, change: Callable[[], object]) -> None:
    """Make a change of a folder durable."""
    try:
        change()
        sync_directory(folder)
    except (KeyFileError, FileNotFoundError):
        raise
    except OSError as error:
        raise KeyFileError(f"{folder}: keys cannot be written: {error.strerror}") from error
