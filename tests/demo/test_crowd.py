"""A scripted morning of many, the small one; `./scripts/demo --morning` has 200 people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from morning.audit import Kept, gallery_failures, script_failures
from morning.cast import Person
from morning.crowd import play
from morning.roster import BY_PIN, FEWEST, Employee, roster
from store.records import Envelope

FACES = ["Jo", "Ben", "Cleo", "Leo"]


def test_the_same_seed_draws_the_same_morning_and_everybody_is_somebody_else() -> None:
    people = roster(200, FACES, seed=7)
    assert people == roster(200, FACES, seed=7)
    assert people != roster(200, FACES, seed=8)
    assert len({who.number for who in people}) == len({who.badge for who in people}) == 200
    deeds = Counter(who.deed for who in people)
    assert deeds["declines"] == 20
    assert deeds["badge"] > 50
    assert all(bool(who.pin) == (who.deed in BY_PIN) for who in people)
    with pytest.raises(ValueError, match="24 people"):
        roster(FEWEST - 1, FACES, seed=7)


def punch(seq: int, number: str) -> Envelope:
    at = {"utc": "2026-11-24T07:00:00Z", "monotonic_ns": "1", "boot": "b"}
    clock = {"synchronised": True, "error_ms": 5, "zone": "Europe/Berlin"}
    return Envelope.model_validate(
        {
            "v": 1,
            "site": "s",
            "terminal": "t",
            "seq": seq,
            "id": f"id-{seq}",
            "kind": "punch",
            "time": {**at, **clock},
            "body": {"person": number, "method": "badge", "direction": "in"},
        }
    )


def test_a_punch_too_many_one_lost_and_two_in_another_order_are_told() -> None:
    script = [("1", "punch in badge"), ("2", "punch in badge")]
    one, two = punch(1, "1"), punch(2, "2")
    assert script_failures(script, [], [one, two]) == []
    for contents, told in (
        ([one, two, punch(3, "2")], "too many"),
        ([one], "missing"),
        ([punch(1, "2"), punch(2, "1")], "another order"),
    ):
        assert told in script_failures(script, [], contents)[0]


def test_a_template_of_somebody_who_declined_is_told() -> None:
    who = Employee("1", "A", "declines", "123")
    assert gallery_failures([who], Kept([], [], {"1": 0}, {"1": None})) == []
    assert "1 templates" in gallery_failures([who], Kept([], [], {"1": 1}, {"1": None}))[0]
    assert "consent" in gallery_failures([who], Kept([], [], {"1": 0}, {"1": "2026-01"}))[0]


@pytest.mark.soak  # 50 s of CPU; `./scripts/demo --morning` is the same for 200
def test_everybody_is_answered_and_has_exactly_the_punches_of_the_script(
    cast: list[Person], weights_dir: Path, tmp_path: Path
) -> None:
    outcome = play(tmp_path, weights_dir, cast, FEWEST, seed=20261124)
    assert outcome.failures == []
    assert outcome.lines[0].startswith(f"{FEWEST} people")
