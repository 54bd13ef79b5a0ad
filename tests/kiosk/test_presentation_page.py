"""docs/presentation.md says what the code does."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.presentation_page import diagram, filled, main, parts, signal_table, state_table
from kiosk.settings import load
from kiosk.signals import PATTERNS, Signal
from tests.kiosk.test_settings import GOOD

PAGE = Path(__file__).parents[2] / "docs" / "presentation.md"


class Lift(Enum):
    """A machine to draw."""

    SHUT = "the door is shut"
    OPEN = "the door is open"
    STUCK = "out of order"


LIFT: dict[Lift, list[tuple[str, Lift]]] = {
    Lift.SHUT: [("called", Lift.OPEN), ("no power", Lift.STUCK)],
    Lift.OPEN: [("time over", Lift.SHUT), ("button", Lift.SHUT), ("held", Lift.OPEN)],
    Lift.STUCK: [("mended", Lift.SHUT)],
}


def test_the_page_is_fresh() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text, parts()) == text, "run python -m kiosk.presentation_page"


def test_a_stale_page_is_filled_and_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "presentation.md"
    stale = PAGE.read_text(encoding="utf-8").replace("| amber |", "| blue |")
    page.write_text("By hand.\n" + stale, encoding="utf-8")
    assert CliRunner().invoke(main, [str(page)]).exit_code == 0
    assert page.read_text(encoding="utf-8") == "By hand.\n" + PAGE.read_text(encoding="utf-8")


def test_every_signal_has_a_row_with_lamp_rhythm_sound_and_text() -> None:
    table = signal_table(PATTERNS, {signal: f"Text of {signal.name}" for signal in Signal})
    rows = {row.split("|")[1].strip(" `"): row for row in table.splitlines()[2:]}
    assert set(rows) == {signal.name.lower() for signal in Signal}
    assert rows["turn_right"] == (
        "| `turn_right` | Text of TURN_RIGHT | amber | `███ ███ …` | `███ ███` | 1568 Hz |"
    )
    assert rows["chosen"].endswith("| amber | `█` | `▏` | 2093 Hz |")
    assert rows["seen"].endswith("| amber | steady |  |  |")
    assert rows["idle"].endswith("| dark |  |  |  |")


def test_blocks_and_parts_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks"):
        filled("no block", {"signals": ""})
    with pytest.raises(ValueError, match="states"):
        filled("<!-- generated: states -->\n<!-- end -->", {})


def test_the_diagram_has_every_state_and_one_arrow_a_pair_of_states() -> None:
    assert diagram(LIFT).splitlines() == [
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> SHUT",
        "    SHUT --> OPEN: called",
        "    SHUT --> STUCK: no power",
        "    OPEN --> SHUT: time over, button",
        "    OPEN --> OPEN: held",
        "    STUCK --> SHUT: mended",
        "```",
    ]


def test_a_machine_that_is_not_whole_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="STUCK is led to"):
        diagram({Lift.SHUT: LIFT[Lift.SHUT], Lift.OPEN: LIFT[Lift.OPEN]})
    with pytest.raises(ValueError, match="nothing leads to STUCK"):
        diagram({**LIFT, Lift.SHUT: [("called", Lift.OPEN)]})
    for event in ("a: b", "a --> b", "", "a\nb", "a;b"):
        with pytest.raises(ValueError, match="label"):
            diagram({Lift.SHUT: [(event, Lift.SHUT)]})


def test_a_state_has_a_row_with_its_signals() -> None:
    table = state_table({Lift.SHUT: (Signal.IDLE,), Lift.OPEN: (Signal.SEEN, Signal.TRY_AGAIN)})
    assert table.splitlines()[2:] == [
        "| `SHUT` | the door is shut | `idle` |",
        "| `OPEN` | the door is open | `seen`, `try_again` |",
    ]


def test_the_settings_on_the_page_are_valid_and_all_there_are(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    file = tmp_path / "kiosk.toml"
    file.write_text(GOOD + example[1], encoding="utf-8")
    section = load(file).indicators
    pins = {"pins", "green", "amber", "red", "buzzer"}  # the README's table
    assert set(type(section).model_fields) - section.model_fields_set == pins
    accepted = section.patterns["accepted"]
    assert accepted.model_fields_set == set(type(accepted).model_fields)
