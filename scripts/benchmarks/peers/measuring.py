"""`./scripts/bench peers`: both settings of the threads, one after the other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.comparing import compare
from benchmarks.peers.pictures import Kind, lay_out
from benchmarks.peers.rows import ENROLLED, FPIR, NOT_RUN, OURS, ROWS, Bench
from benchmarks.peers.table import Pass, as_json, markdown
from benchmarks.timing import machine
from morning.cast import Person

SETTINGS = {
    "one": "one thread each",
    "own": "threads as each library comes; ours as systemd/kiosk.service has it",
}


def measure(
    root: Path,
    weights: Path,
    cast: Sequence[Person],
    faces: Path | None,
    word: str | None,
    repetitions: int,
    threads: Sequence[str],
    seconds: float,
) -> tuple[str, dict[str, object]]:
    """Markdown and JSON of those `SETTINGS`.

    SCRFD's file is looked for beside the checkout, else with the weights.
    """
    beside = root.parent / "shared" / "models"
    with tempfile.TemporaryDirectory(prefix="kiosk-peers-") as name:
        scratch = Path(name)
        kinds = lay_out(cast, faces, scratch, seconds)
        bench = Bench(root, weights, beside if beside.is_dir() else weights, word, scratch)
        passes = [
            Pass(
                SETTINGS[setting],
                OURS,
                compare(
                    ROWS,
                    lambda row, s=setting: bench.start(row, s == "one"),  # type: ignore[misc]
                    kinds,
                    repetitions,
                    starts=2,
                ),
            )
            for setting in threads
        ]
        told = (passes, kinds, NOT_RUN, _conditions(kinds, repetitions, seconds))
        return markdown(*told), as_json(*told)


def _conditions(kinds: Sequence[Kind], repetitions: int, seconds: float) -> dict[str, object]:
    about = machine()
    del about["BLAS threads"]  # this process' own; the peers' are in the headings
    return {
        "repetitions, at least": repetitions,
        "enrolled templates": ENROLLED,
        **{
            kind.title: f"{len(kind.shown)}, templates of real people "
            f"{sum(len(paths) for paths in kind.enrol.values())}"
            for kind in kinds
        },
        "a walk-up": f"{seconds:g} s",
        "threshold with our embedder": f"that of {ENROLLED} templates at an FPIR of {FPIR}",
        "processors that this run may use": len(os.sched_getaffinity(0)),
        **about,
    }
