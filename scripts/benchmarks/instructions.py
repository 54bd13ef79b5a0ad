"""arm64 instructions of every stage, counted in emulation: what a change costs a Pi, judged here.

qemu-user runs Debian's arm64 Python with the arm64 wheels of `scripts/arm64-test`'s root on this
checkout's own code, as the given processor, and a plugin counts (`scripts/counting/counting.c`).
Each stage is done N times and 2N times; the difference is N times the stage, without what starting,
warming up and marking cost. All of it twice, and how far the two runs lie apart is said.

**Instructions are not time.** They show what a change adds or saves; caches, memory and how many
instructions a processor ends in a cycle are not in them.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ledger import KEY
from benchmarks.stages import Stage, one_thread, stages
from benchmarks.timing import Report, machine, timed
from store.database import open_database

ROOT = Path(__file__).resolve().parents[2]
_MARKED = re.compile(r"^instructions (\d+)$", re.MULTILINE)
_PACKAGES = "opt/kiosk/lib/python3.11/site-packages"
_PYTHON = "usr/bin/python3.11"
# The host's /sys made ONNX Runtime 1.32.0 die under qemu 7.2 (scripts/emulated/root.py), so this
# process sees one of its own that says: one processor.
_ENTER = """\
mount -t tmpfs none /sys
mkdir -p /sys/devices/system/cpu
echo 0 >/sys/devices/system/cpu/possible
echo 0 >/sys/devices/system/cpu/present
exec "$@"
"""


class CountingError(RuntimeError):
    """The counting run could not be made; the message says what is missing or went wrong."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Instructions that one go of a stage takes."""

    name: str
    instructions: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Two runs, stage by stage."""

    conditions: dict[str, object]
    first: list[Counted]
    second: list[Counted]

    def markdown(self) -> str:
        """A line a stage: millions of instructions of the first run, and the second's distance."""
        lines = ["# instructions (arm64, emulated: no time of any machine)", ""]
        lines += [f"- {name}: {value}" for name, value in self.conditions.items()]
        lines += [
            "",
            "| stage | arm64 instructions, millions | second run |",
            "| --- | --- | --- |",
        ]
        for one, other in zip(self.first, self.second, strict=True):
            apart = (other.instructions / one.instructions - 1) * 100
            lines.append(f"| {one.name} | {one.instructions / 1e6:,.3f} | {apart:+.2f} % |")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """One JSON object."""
        runs = [{one.name: one.instructions for one in run} for run in (self.first, self.second)]
        return {"benchmark": "instructions", "conditions": self.conditions, "runs": runs}


def per_go(stages_done: Sequence[tuple[str, int]], marks: Sequence[int]) -> list[Counted]:
    """Each stage's (name, N), and three counts a stage: before, after N times, after 2N more.

    Raises `CountingError` when they do not belong together, or a count does not grow.
    """
    if len(marks) != 3 * len(stages_done):
        raise CountingError(f"{len(marks)} marks of {len(stages_done)} stages: three belong to one")
    found = []
    for i, (name, times) in enumerate(stages_done):
        before, once, twice = marks[3 * i : 3 * i + 3]
        difference = (twice - once) - (once - before)
        if difference <= 0:
            raise CountingError(f"{name}: 2N times took no more than N times; N is too small")
        found.append(Counted(name, difference / times))
    return found


def measure(
    weights: Path, frames: NDArray[np.uint8], root: Path, qemu: str, processor: str
) -> Counts:
    """Count twice. `frames` (n, h, w, 3) BGR; `root` has the arm64 Python. Raises `CountingError`.

    Needs root's rights (a mount of its own) and gcc.
    """
    if not (root / _PACKAGES).is_dir():
        raise CountingError(f"{root}: no arm64 Python with kiosk's wheels; run scripts/arm64-test")
    conditions: dict[str, object] = {
        "processor emulated": processor,
        "qemu": _said([qemu, "--version"]).splitlines()[0],
        "frame": f"{frames.shape[2]}x{frames.shape[1]}",
        "threads": "one of each library",
    }
    with tempfile.TemporaryDirectory(prefix="kiosk-counting-") as name:
        folder = Path(name)
        np.save(folder / "frames.npy", frames)
        plugin = folder / "counting.so"
        source = ROOT / "scripts" / "counting" / "counting.c"
        _said(["gcc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(source)])
        command = _command(weights, folder / "frames.npy", root, qemu, processor, plugin)
        with ThreadPoolExecutor(2) as pool:  # side by side: counts do not depend on load
            first, second = pool.map(_run, [command, command])
    return Counts(conditions, first, second)


def _command(
    weights: Path, frames: Path, root: Path, qemu: str, processor: str, plugin: Path
) -> list[str]:
    path = f"{ROOT}:{ROOT / 'scripts'}:{root / _PACKAGES}"
    threads = ["OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"]
    # No byte code into this checkout; the same order of sets and dictionaries in every run.
    python = ["PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", f"PYTHONPATH={path}"]
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "sh"]
    emulator = [qemu, "-cpu", processor, "-plugin", str(plugin), "-L", str(root)]
    program = [str(root / _PYTHON), "-m", "benchmarks.stages", str(weights), str(frames)]
    return [*enter, "env", *threads, *python, *emulator, *program]


def _run(command: list[str]) -> list[Counted]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CountingError(f"the emulated run ended with {done.returncode}: {_last(done.stderr)}")
    marks = [int(found) for found in _MARKED.findall(done.stderr)]
    return per_go([(name, times) for name, times in json.loads(done.stdout)], marks)


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CountingError(
            f"{command[0]} is not here (docs/performance.md says from where)"
        ) from None
    if done.returncode != 0:
        raise CountingError(f"{command[0]} ended with {done.returncode}: {_last(done.stderr)}")
    return done.stdout


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["nothing was said"])[-1]


def timings(weights: Path, frames: NDArray[np.uint8], repetitions: int) -> Report:
    """The same stages on this machine's own clock."""
    one_thread()
    report = Report("stages", {"OpenCV threads": 1, **machine()})
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "ledger.db", KEY, create=True)
        try:
            every: list[Stage] = stages(weights, list(frames), database)
            for stage in every:
                report.timings[stage.name] = timed(stage.work, repetitions)
        finally:
            database.close()
    return report
