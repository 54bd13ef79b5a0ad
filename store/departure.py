"""A terminal that goes out of service for good: the two files in its data directory that say so.

- `leaving` is the decision: from the next start on nobody is served. It is a document that the
  terminal's own key signed (purpose "leaving"), since the sync process may write to the directory
  and must not be able to have anything erased.
- `decommissioned.json` is the proof that stays: the signed last record, and headquarters' receipt
  that covers it, if there is one. It is written before the first file is erased; from then on sync
  has nothing to do. It names the terminal: another one on the same machine is not meant.
"""

from __future__ import annotations

import json
from pathlib import Path

from store.settings import Terminal

LEAVING, PROOF = "leaving", "decommissioned.json"


def is_decommissioned(directory: Path, terminal: Terminal) -> bool:
    """Whether this terminal's proof is there."""
    try:
        proof = json.loads((directory / PROOF).read_bytes())
        return (proof["site"], proof["terminal"]) == (terminal.site, terminal.name)
    except (OSError, ValueError, LookupError, TypeError):
        return False
