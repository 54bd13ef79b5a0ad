"""A scripted morning of many, the small one; `./scripts/demo --morning` has 200 people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from morning.cast import Person
from morning.crowd import play
from morning.roster import BY_PIN, FEWEST, roster

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


@pytest.mark.slow
def test_everybody_is_answered_and_has_exactly_the_punches_of_the_script(
    cast: list[Person], weights_dir: Path, tmp_path: Path
) -> None:
    outcome = play(tmp_path, weights_dir, cast, FEWEST, seed=20261124)
    assert outcome.failures == []
    assert outcome.lines[0].startswith(f"{FEWEST} people")
