"""How far an update has come: one file, replaced whole before each step is begun.

| step | what is under way | after a power cut |
| --- | --- | --- |
| idle | nothing | nothing |
| preparing | the environment is built, the trial runs | what is there of it is deleted |
| ready | waiting for its hours and for nobody at the door | goes on waiting |
| switching | `current` is moved, the daemon is asked to start again | goes on |
| watching | the new program has to prove healthy | watched from the start, three times at most |
| rolling_back | `current` goes back to `previous` | goes on |
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kiosk.update.errors import LayoutError
from kiosk.update.layout import Layout
from store.files import place


class Before(BaseModel):
    """How things stood under the program before: what its successor is measured by."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    faults: tuple[str, ...] = ()
    delivered: bool = False  # headquarters had confirmed everything
    sync_ran: bool = False


class Outcome(BaseModel):
    """What came of the last update."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: str
    result: Literal["installed", "rolled_back", "unhealthy", "given_up"]
    reason: str = ""
    utc: str = ""


class State(BaseModel):
    """`version` is on its way in place of `previous`; while idle `previous` is the way back.

    `newest`: the highest version that ever proved healthy. `at_once`: not only in its hours.
    `starts`: how often watching was begun. `way_back`: whether `previous` opens the databases then.
    `returning`: `version` was here before, and is not deleted when it is given up or taken back.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    step: Literal["idle", "preparing", "ready", "switching", "watching", "rolling_back"] = "idle"
    version: str = ""
    previous: str = ""
    newest: str = ""
    at_once: bool = False
    way_back: bool = True
    returning: bool = False
    starts: int = 0
    reason: str = ""
    before: Before = Before()
    last: Outcome | None = None


def read_state(layout: Layout) -> State:
    """The state; an idle one where there is none yet. Raises `LayoutError` and `OSError`."""
    try:
        return State.model_validate_json(layout.state_file.read_bytes())
    except FileNotFoundError:
        return State()
    except ValidationError:
        raise LayoutError(
            f"{layout.state_file}: not what kiosk-update wrote; see which release `current` points "
            "to, then remove the file"
        ) from None


def write_state(layout: Layout, state: State) -> None:
    """Replace it, lastingly; raises `OSError`."""
    place(layout.state_file, state.model_dump_json().encode(), mode=0o644)
