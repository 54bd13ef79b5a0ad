"""What the daemon tells of itself while it serves, for an updater of another version.

- The file is the whole interface between the two: fields are added, never changed or removed, and
  unknown ones are passed over.
- It lies in memory (/run), is replaced whole every two seconds, and holds nothing about people.
- The updater is root and the file the user kiosk's, so it is read as what a stranger wrote: no link
  is followed, no more than 16 KiB are read, and what is not a pulse is none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ASKED = "asked"  # in `[update] root`: the daemon is to end once the door has been quiet
_MOST_BYTES = 16 * 1024
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class Pulse(BaseModel):
    """One beat. `program`: the environment that runs (`sys.prefix`); `monotonic_ns`: since boot.

    `quiet`: nobody has been at the door for a while. `began`: the ledger's newest number when the
    daemon became ready, `head` its newest now, `receipt` what headquarters has confirmed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    program: str
    pid: _Count
    monotonic_ns: _Count
    quiet: bool
    faults: tuple[str, ...]
    began: _Count
    head: _Count
    receipt: _Count


def read_pulse(path: Path) -> Pulse | None:
    """The newest beat; None where there is none that can be read as one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return Pulse.model_validate_json(os.read(handle, _MOST_BYTES))
    except (OSError, ValidationError):
        return None
    finally:
        os.close(handle)
