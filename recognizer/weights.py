"""Reading weight files: each is checked against the manifest before a byte of it is used."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from recognizer.errors import MissingWeightsError, WrongWeightsError
from recognizer.manifest import Manifest


def missing(directory: Path, names: Iterable[str]) -> list[str]:
    """Those of the files that are not in the directory."""
    return [name for name in names if not (directory / name).is_file()]


def require(directory: Path, names: Iterable[str], pack: str, otherwise: str = "") -> None:
    """Raise `MissingWeightsError` for all missing files at once; `otherwise` is a second mend."""
    gone = missing(directory, names)
    if gone:
        raise MissingWeightsError(
            f"{directory} lacks {', '.join(gone)}: run "
            f"`kiosk models fetch --pack {pack} --to {directory}`{otherwise}"
        )


def read_weights(directory: Path, name: str, manifest: Manifest) -> bytes:
    """The bytes of a weight file.

    Raises `WrongWeightsError` (both digests named) and `MissingWeightsError`.
    """
    path = directory / name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MissingWeightsError(f"{path} cannot be read: {error.strerror}") from error
    found = sha256(raw).hexdigest()
    if found not in manifest.files[name].digests:
        raise WrongWeightsError(
            f"{path}: SHA-256 is {found}, the manifest says {manifest.files[name].sha256}; "
            "delete it and run `kiosk models fetch`"
        )
    return raw
