"""Keys: are they there, whose are they, who else may read them, and what are they sealed by?

No key is read here but the first bytes of a sealed one, which say what seals it.
"""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Mapping
from pathlib import Path

from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from kiosk.sealing import NAMES

# The id at the start of what `systemd-creds encrypt` writes (systemd, src/shared/creds-util.h).
_BY: Mapping[str, str] = {
    "5a1c6a86df9d4096b1d5a65e0862f19a": "host key",
    "0c7cc07b117645919c4b0bea08bc20fe": "TPM2",
    "faf7eb9341e3412ca1a436f95a29362f": "TPM2",
    "93a894094874449090caf2fc93cab553": "host key and TPM2",
    "af4950a849134eb1a73846304ff30c05": "host key and TPM2",
}
_NOTHING = "058469daf6f54324800549da0f8ea2fb"


def sealed_by(credential: bytes) -> str | None:
    """What seals a credential of `systemd-creds`: words, "nothing", or None for what is unknown."""
    try:
        start = base64.b64decode(b"".join(credential.split())[:64], validate=True)[:16].hex()
    except (binascii.Error, ValueError):
        return None
    return "nothing" if start == _NOTHING else _BY.get(start)


def key_files(keys: Path, directory: Path, sealed: Path) -> Finding:  # noqa: PLR0911 - one a verdict
    """Every secret key is there, of mode 0400 and the owner of the data (docs/keys.md)."""
    name = "key files"
    try:
        owner = directory.stat().st_uid
        found = {key: (keys / key).stat() for key in NAMES if (keys / key).exists()}
        if not found and any(sealed.glob("*.key.cred")):
            return not_checked(
                name,
                "sealed, and not opened for this command",
                f"`kiosk keys unseal {sealed}`, this again, `rm -r {keys}` (docs/keys.md)",
            )
        folder_open = found and folder_too_open(keys.stat().st_mode)
    except PermissionError:
        return not_checked(name, "they may not be looked at", "run it as root or kiosk")
    except OSError as error:
        return failure(name, f"{directory}: {error.strerror}", "--fix makes it")
    missing = [key for key in NAMES if key not in found]
    if missing == ["badges.key"]:
        return warning(name, "badges.key is not there", "--fix makes it (sealed: docs/keys.md)")
    if missing:
        return failure(
            name,
            f"not there: {', '.join(missing)}",
            "new terminal: `kiosk keys create`; else bring them back from the backup",
        )
    exposed = [key for key, its in found.items() if too_open(key, its.st_mode)]
    exposed += ["their folder"] if folder_open else []
    if exposed:
        return failure(name, f"too open: {', '.join(exposed)}", f"--fix, or `chmod 0400` in {keys}")
    foreign = [key for key, its in found.items() if its.st_uid not in (owner, 0)]
    if foreign:
        return failure(
            name,
            f"another user than the data's owns {', '.join(foreign)}",
            f"`chown kiosk {keys}/*.key`, and ask how that came about",
        )
    return ok(name, f"all {len(NAMES)} there, open to nobody else")


def folder_too_open(mode: int) -> bool:
    """Whether a folder of keys gives more than 0710."""
    return bool(stat.S_IMODE(mode) & 0o067)


def too_open(key: str, mode: int) -> bool:
    """Whether more than a key needs may read it: kiosk-sync needs the ledger's, by the group."""
    allowed = 0o440 if key == "ledger.key" else 0o400
    return bool(stat.S_IMODE(mode) & ~(allowed | 0o200))


def key_sealing(sealed: Path, keys: Path) -> Finding:  # noqa: PLR0911 - a return a verdict
    """What seals the keys on the card."""
    name = "key sealing"
    try:
        there = [one for one in sealed.iterdir() if one.name.endswith(".key.cred")]
        found = {one.name: sealed_by(one.read_bytes()[:256]) for one in there}
        plain = [key for key in NAMES if (keys / key).exists()]
    except FileNotFoundError:
        found, plain = {}, []
    except OSError as error:
        return not_checked(name, f"cannot be read: {error.strerror}", "run it as root")
    if not found:
        return warning(
            name,
            "not sealed: who has the card has the keys",
            "`kiosk keys seal /etc/kiosk/sealed` and the drop-ins (docs/keys.md)",
        )
    kinds = set(found.values())
    if "nothing" in kinds:
        return failure(name, "sealed with an empty key", "seal again: `kiosk keys seal`")
    if None in kinds:
        return not_checked(name, "sealed by something that this version does not know")
    words = ", ".join(sorted(str(kind) for kind in kinds))
    lacking = [key for key in NAMES if f"{key}.cred" not in found]
    if lacking:
        return failure(
            name, f"by {words}, but not {', '.join(lacking)}", "`kiosk keys unseal`, create, seal"
        )
    if plain and not in_memory(keys):
        return warning(
            name,
            f"by {words}, and {len(plain)} plain keys lie beside on the disk",
            'take them away; [store] keys = "/run/kiosk-keys" (docs/keys.md)',
        )
    if "host key" in kinds:
        return warning(
            name,
            "by the host key, on the same card: who has the whole card opens them",
            "a TPM, or what docs/keys.md says of stolen cards",
        )
    return ok(name, f"by {words}")


def in_memory(keys: Path) -> bool:
    """Whether keys are where `kiosk keys unseal` puts them, gone with the next start."""
    return keys.is_relative_to("/run")
