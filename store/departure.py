"""A terminal that goes out of service for good: the two files in its data directory that say so.

- `leaving` is the decision: from the next start on nobody is served. It is a document that the
  terminal's own key signed (purpose "leaving"), since the sync process may write to the directory
  and must not be able to have anything erased.
- `decommissioned.json` is the proof that stays: the signed last record, and headquarters' receipt
  that covers it, if there is one. It is written before the first file is erased; from then on sync
  has nothing to do. Sync stops for it as it is; kiosk asks for the signature first. It names the
  terminal: another one on the same machine is not meant.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.chain import check_record
from store.records import Decommission
from store.settings import Terminal

LEAVING, PROOF = "leaving", "decommissioned.json"
LAST = Decommission.kind


def is_decommissioned(directory: Path, terminal: Terminal) -> bool:
    """Whether this terminal's proof is there."""
    try:
        proof = json.loads((directory / PROOF).read_bytes())
        return (proof["site"], proof["terminal"]) == (terminal.site, terminal.name)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def is_signed(directory: Path, key: Ed25519PublicKey) -> bool:
    """Whether the proof's record is a last record that this key signed."""
    try:
        record = json.loads((directory / PROOF).read_bytes())["record"]
        payload = record["payload"].encode("utf-8")
        signed = check_record(
            key,
            bytes.fromhex(record["previous"]),
            payload,
            bytes.fromhex(record["hash"]),
            base64.b64decode(record["signature"]),
        )
        return signed and json.loads(payload)["kind"] == LAST
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
