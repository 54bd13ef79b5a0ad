"""What the benches say of their numbers: which machine, which limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.device import measure, model, state, title
from benchmarks.guard import LIMITS, exceeded, table
from benchmarks.timing import Report
from benchmarks.watching import Sample
from soaking.full_speed import judged

USUAL = {limit.name: limit.usual for limit in LIMITS}


def test_the_guard_lets_the_usual_pass_and_half_as_much_again_for_a_busy_machine_too() -> None:
    assert exceeded(USUAL) == []
    assert exceeded({name: 1.4 * value for name, value in USUAL.items()}) == []


@pytest.mark.parametrize("name", USUAL)
def test_the_guard_names_a_cost_that_has_doubled(name: str) -> None:
    (line,) = exceeded(USUAL | {name: 2 * USUAL[name]})
    assert line.startswith(name)
    assert name in table(USUAL)


def test_a_ratio_that_is_no_number_does_not_pass() -> None:
    assert exceeded(USUAL | {LIMITS[0].name: float("nan")})


def test_a_pi_is_called_one_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert title(model(tmp_path)) == "Raspberry Pi 5 Model B Rev 1.0: measured on the device"
    assert title(model(tmp_path / "none")).endswith("development machine, not a Pi")
    assert title("Some other board").endswith("development machine, not a Pi")


def test_temperature_and_governor_are_told_or_said_to_be_unknown(tmp_path: Path) -> None:
    assert state(tmp_path)["temperature, °C"] == "unknown"
    thermal = tmp_path / "sys/class/thermal/thermal_zone0"
    thermal.mkdir(parents=True)
    (thermal / "temp").write_text("51234\n")
    assert state(tmp_path)["temperature, °C"] == "51.2"
    assert state(tmp_path)["governor"] == "unknown"


def test_the_parts_stand_in_one_table_under_their_names() -> None:
    part = Report("signals", numbers={"ratio": 2.0})
    whole = measure({"signals": lambda: part})
    assert whole.numbers == {"signals: ratio": 2.0}
    assert "| signals: ratio | 2 |" in whole.markdown()


def flat(n: int, grows_mb: float = 0.0, files: int = 0, threads: int = 0) -> list[Sample]:
    return [
        Sample(5.0 * i, 200 + grows_mb * i / n, 30 + files * i // n, 3 + threads * i // n)
        for i in range(n)
    ]


def test_a_soak_holds_when_nothing_grows_and_fails_for_each_thing_that_does() -> None:
    assert judged(flat(100)).failures == []
    assert judged(flat(100, grows_mb=20)).failures == ["resident memory grew by 15.8 MB"]
    assert "open files grew" in judged(flat(100, files=20)).failures[0]
    assert "threads grew" in judged(flat(100, threads=20)).failures[0]
    assert judged(flat(5)).failures
