"""The soak, for four seconds instead of ten minutes (`./scripts/soak`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from morning.cast import Person
from soaking import stores
from soaking.course import Course


@pytest.mark.soak
def test_both_daemons_and_the_commands_get_along_on_the_same_databases(
    tmp_path: Path, weights_dir: Path, cast: list[Person]
) -> None:
    few = [*cast[:2], next(person for person in cast if person.number is None)]
    outcome = stores.soak(Course(tmp_path, weights_dir, few, seconds=4))
    assert outcome.failures == []
    done = outcome.numbers
    for what in ("appends", "reads", "long reads", "verifications", "commands"):
        assert int(str(done[what])) > 0, what
    assert done["punches of the door"] != 0
    assert done["records at headquarters"] == done["records in the ledger"]
