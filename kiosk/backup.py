"""What of a terminal goes into a backup, and where it comes back to.

With the two databases go the settings, headquarters' public key and the terminal's keys, so that
new hardware is the same terminal: the signing key (headquarters knows the terminal by it, and the
ledger goes on under it), the sealing key (what was sealed to the terminal), the templates' key
(without it no template is of use). The TLS key does not: it belongs to the sync process, and new
hardware gets a certificate of its own. `docs/backup.md` has the whole of it.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kiosk.errors import NoBackupError
from kiosk.settings import Settings, load
from kiosk.stores import Stores
from recognizer.protection import key_id
from store.age_file import Identities
from store.backup import BackupSection, Made, Origin, create
from store.errors import StoreError, WrongTemplatesKeyError
from store.files import disk_error, place
from store.keys import (
    load_next_key,
    load_sealing_key,
    load_signing_key,
    load_templates_key,
    open_badges_key,
)
from store.opened import Sound
from store.opening import access
from store.reading_backup import Inside, open_backup, peek, unpack
from store.records import Fault, Instant
from store.restore import Restored, restore
from store.secret import Secret

_SETTINGS_MODE = 0o640


def section_of(settings: Settings, config: Path) -> BackupSection:
    """`[backup]`; raises `NoBackupError` where there is none."""
    if settings.backup is None:
        raise NoBackupError(f"{config}: it has no [backup] section; docs/backup.md shows one")
    return settings.backup


def make_backup(stores: Stores, settings: Settings, config: Path, now: Instant) -> Made:
    """Make a backup as `[backup]` says; one that fails leaves a `fault` record.

    Raises `NoBackupError` without such a section, and what `store.backup.create` raises.
    """
    section = section_of(settings, config)
    try:
        return create(
            _origin(stores, settings, config),
            stores.ledger,
            section.directory,
            section.everybody(),
            section.keep,
            now,
            metadata.version("kiosk"),
        )
    except Exception as error:
        fault = Fault(code="backup_failed", detail=type(error).__name__)
        with suppress(StoreError):  # the disk may be why; what is raised is the first failure
            stores.ledger.append(fault, now)
        raise


def open_whole(file: Path, identities: Identities) -> tuple[Inside, Sound]:
    """Open a backup for real, its databases in the temporary directory, encrypted as they are.

    Raises `store.errors.StoreError`.
    """
    with disk_error(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory() as place_:
        inside = unpack(file, identities, Path(place_))
        return inside, open_backup(inside, Path(place_))


def bring_back(file: Path, identities: Identities, config: Path, now: Instant) -> Restored:
    """Restore a terminal as its settings say; settings and HQ's key come back where they lack.

    Raises `store.errors.StoreError`.
    """
    with disk_error(config):
        if not config.exists():
            small = peek(file, identities).small
            config.parent.mkdir(parents=True, exist_ok=True)
            place(config, small["kiosk.toml"], _SETTINGS_MODE)
        settings = load(config)
        hq_key = settings.hq.public_key
        if not hq_key.exists():
            hq_key.parent.mkdir(parents=True, exist_ok=True)
            place(hq_key, peek(file, identities).small["hq.pub"], 0o444)
    store = settings.store
    return restore(file, identities, store.directory, store.keys, settings.terminal, now)


def _origin(stores: Stores, settings: Settings, config: Path) -> Origin:
    keys = stores.keys
    before = _templates_keys(keys)
    signing, sealing = load_signing_key(keys), load_sealing_key(keys)
    pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    hq_key = stores.hq_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def secrets_for(protection: str | None) -> dict[str, bytes]:
        # A re-issue may have taken place around the copying; the copy's key was there at one end.
        found = before | _templates_keys(keys)
        with load_templates_key(keys) as key:
            wanted = key_id(key.view) if protection is None else protection
        if wanted not in found:
            raise WrongTemplatesKeyError(f"{keys}: the templates' key is not here; back up again")
        with open_badges_key(keys) as badges:
            badges_text = bytes(badges.hex().view)
        return {
            "keys/signing.key": signing.private_bytes(*pem),
            "keys/sealing.key": sealing.private_bytes(*pem),
            "keys/templates.key": bytes(found[wanted].hex().view),
            "keys/badges.key": badges_text,
        }

    with disk_error(config):
        texts = {"kiosk.toml": config.read_bytes(), "hq.pub": hq_key}
    return Origin(
        terminal=settings.terminal,
        ledger_db=stores.ledger_db,
        gallery_db=stores.gallery_db,
        doors={"ledger": access(keys, "ledger"), "gallery": access(keys, "gallery")},
        public_key=stores.signer.public_key(),
        hq_key=stores.hq_key,
        texts=texts,
        secrets_for=secrets_for,
    )


def _templates_keys(keys: Path) -> dict[str, Secret]:
    found = (load_templates_key(keys), load_next_key(keys, "templates"))
    return {key_id(key.view): key for key in found if key is not None}
