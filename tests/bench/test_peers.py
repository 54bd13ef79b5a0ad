"""The bench of peers, with a peer that knows colours instead of faces."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.asking import Peer, PeerError, environment
from benchmarks.peers.comparing import Course, Right, accuracy, compare, times_as_long
from benchmarks.peers.pictures import Kind, Shown
from benchmarks.peers.rows import NOT_RUN, OURS, ROWS, Bench, Row
from benchmarks.peers.serving import Answer
from benchmarks.peers.table import Pass, as_json, markdown

_ROOT = Path(__file__).resolve().parents[2]
_RED, _GREEN, _BLACK = (0, 0, 200), (0, 200, 0), (0, 0, 0)


def _picture(folder: Path, name: str, colour: tuple[int, int, int]) -> Path:
    path = folder / f"{name}.npy"
    np.save(path, np.full((4, 4, 3), colour, dtype=np.uint8))
    return path


def _start(folder: Path, breaks: str = "never") -> Peer:
    given = json.dumps({"one_thread": False, "breaks": breaks})
    fake = Path(__file__).parent / "fake_peer.py"
    return Peer([sys.executable, str(fake), given], environment(_ROOT, True), folder / "log")


def _answer(best: str | None, accepted: bool) -> Answer:
    return Answer(best=best, score=None, accepted=accepted, seconds=0.1, cpu_seconds=0.1)


def test_a_peer_answers_over_its_pipes_whatever_its_library_prints(tmp_path: Path) -> None:
    red, black = _picture(tmp_path, "red", _RED), _picture(tmp_path, "black", _BLACK)
    green = _picture(tmp_path, "green", _GREEN)
    with _start(tmp_path) as peer:
        assert peer.enrol({"1": [red, black]}, 2) == [str(black)]
        known, nobody, stranger = peer.photo(red), peer.photo(black), peer.frame(green, 0.0)
        assert peer.peak_mb() > 0
    assert (known["best"], known["accepted"]) == ("1", True)
    assert known["seconds"] > 0
    assert (nobody["best"], nobody["accepted"]) == (None, False)
    assert not stranger["accepted"]
    assert "loading weights" in (tmp_path / "log").read_text()


def test_a_peer_that_cannot_be_run_is_a_row_with_its_reason_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    red, black = _picture(tmp_path, "red", _RED), _picture(tmp_path, "black", _BLACK)
    shown = [Shown(red, "1"), Shown(black, None)]
    kind = Kind("walk-ups", False, {"1": [red]}, shown)
    rows = [Row(name, "", None, {}) for name in (OURS, "loading", "working")]
    (tmp_path / "logs").mkdir()

    def start(row: Row) -> Peer:
        folder = tmp_path / "logs" / str(rows.index(row))
        folder.mkdir()
        return _start(folder, "never" if row.name == OURS else row.name)

    ours, loading, working = results = compare(rows, start, [kind], repetitions=3, starts=1)
    assert loading.courses["walk-ups"].failure == "FileNotFoundError: weights are not to be had"
    assert working.courses["walk-ups"].failure == "RuntimeError: out of luck"
    assert ours.courses["walk-ups"].failure is None
    assert len(ours.courses["walk-ups"].seconds) == 4  # whole rounds of two pictures
    assert accuracy(ours.courses["walk-ups"].answers, shown) == Right(1, 0, 0, 1, 0, 1)
    one = Pass("one thread each", OURS, results)
    text = markdown([one], [kind], NOT_RUN, {"machine": "this"})
    assert "| loading | not run: FileNotFoundError: weights are not to be had |" in text
    assert all(f"| {name} | not run: {why} |" in text for name, why in NOT_RUN.items())
    kept = json.dumps(as_json([one], [kind], NOT_RUN, {}))
    assert '"failure": "RuntimeError: out of luck"' in kept


def test_right_wrong_and_nobody_are_of_known_people_and_strangers_are_counted_apart() -> None:
    path = Path("any.npy")
    shown = [Shown(path, number) for number in ("1", "1", "1", "1", None, None)]
    answers = [
        _answer("1", True),
        _answer("1", False),
        _answer("2", True),
        _answer(None, False),
        _answer("2", True),
        _answer("2", False),
    ]
    assert accuracy(answers, shown) == Right(1, 1, 2, 2, 1, 2)
    assert Right(5, 0, 1, 5, 1, 2).no_worse_than(Right(4, 1, 1, 5, 0, 2))
    assert not Right(3, 0, 3, 5, 0, 2).no_worse_than(Right(4, 0, 2, 5, 0, 2))
    assert not Right(5, 1, 0, 5, 0, 2).no_worse_than(Right(4, 0, 2, 5, 0, 2))


def test_weights_for_research_only_are_not_run_without_the_word_that_accepts_them(
    tmp_path: Path,
) -> None:
    bench = Bench(_ROOT, tmp_path, tmp_path, None, tmp_path)
    limited = next(row for row in ROWS if row.scrfd)
    with pytest.raises(PeerError, match="non-commercial research only"):
        bench.start(limited, one_thread=True)


def test_times_are_divided_picture_by_picture_and_again_where_both_compared_a_face() -> None:
    ours = Course(answers=[_answer("1", True), _answer(None, False)], seconds=[1.0, 1.0, 1.0, 1.0])
    peer = Course(answers=[_answer("1", True), _answer("1", True)], seconds=[2.0, 8.0, 4.0, 8.0])
    assert times_as_long(peer, ours) == (6.0, 3.0)
