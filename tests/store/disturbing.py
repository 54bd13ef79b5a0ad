"""Killing a process, or failing its disk, at one system call: `faults.c`, preloaded.

`run_harness` compiles the library and runs a harness module under it; in there `Shim` chooses the
call, and `in_child` does something in a forked process that meets it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from store.errors import StoreError

ROOT = Path(__file__).resolve().parents[2]
HOW = {"killed": (-1, 0), "EIO once": (errno.EIO, 0), "ENOSPC": (errno.ENOSPC, 1)}
FINE, SAID, OTHER = 0, 10, 11


class Shim:
    """The preloaded library."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._arm, self._count, self._failed = (
            library.fault_arm,
            library.fault_count,
            library.fault_failed,
        )
        self._arm.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int]
        self._count.restype = ctypes.c_long
        self._failed.restype = ctypes.c_char_p

    def arm(self, call: int, error: int, lasting: int) -> None:
        """Fail that call, counted from now; 0 for none."""
        self._arm(call, error, lasting)

    def count(self) -> int:
        """Calls since `arm`."""
        return int(self._count())

    def failed(self) -> str:
        """What the last failed call was; empty when none failed."""
        return str(self._failed().decode())


def in_child(
    shim: Shim, act: Callable[[Path], object], folder: Path, call: int, error: int, lasting: int
) -> tuple[int, int]:
    """How a forked `act(folder)` ended (negative: by that signal), and how many calls it made.

    `SAID` is a `StoreError` that names something in the folder.
    """
    counts, count = os.pipe()
    child = os.fork()
    if child == 0:
        status = OTHER
        try:
            shim.arm(call, error, lasting)
            try:
                act(folder)
                status = FINE
            except StoreError as raised:
                status = SAID if str(folder) in str(raised) else OTHER
            except BaseException:  # noqa: BLE001 - shown, and the exit code says it
                traceback.print_exc()
            os.write(count, str(shim.count()).encode())
        finally:
            os._exit(status)
    os.close(count)
    with os.fdopen(counts, "rb") as pipe:
        calls = int(pipe.read() or 0)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), calls


def disturb_each(
    model: Path,
    act: Callable[[Path], object],
    check: Callable[[Path], object],
    every: int,
    first: int = 1,
    ways: Sequence[str] = tuple(HOW),
) -> dict[str, object]:
    """Do `act` on copies of `model`, each with one system call disturbed; `check` them all.

    Every `every`-th call, from number `first`, in each way. Returns the counts.
    """
    shim, root, began = Shim(), model.parent, time.monotonic()
    os.environ["KIOSK_FAULT_FOLDER"] = f"{root}/"
    shutil.copytree(model, root / "well")
    ended, calls = in_child(shim, act, root / "well", 0, 0, 0)
    assert (ended, calls > 0) == (FINE, True)
    check(root / "well")
    counts = {"calls": calls}
    for way in ways:
        error, lasting = HOW[way]
        counts[way] = 0
        for call in range(first, calls + 1, every):
            folder = root / f"{way.replace(' ', '-')}-{call}"
            shutil.copytree(model, folder)
            ended, _ = in_child(shim, act, folder, call, error, lasting)
            try:
                assert ended in ((-signal.SIGKILL,) if error == -1 else (SAID, FINE)), ended
                check(folder)
            except BaseException:
                sys.stderr.write(f"{way} at call {call}\n")
                raise
            shutil.rmtree(folder)
            counts[way] += 1
    return {**counts, "seconds": round(time.monotonic() - began, 1)}


def run_harness(module: str, folder: Path, every: int) -> dict[str, Any]:
    """What a harness counted; skips where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler for the library that disturbs system calls")
    shim, root = folder / "faults.so", folder / "lives"
    root.mkdir()
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", f"tests.store.{module}", root, "--every", str(every)],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found
