"""`kiosk run` from exec to ready, and what it keeps in memory, with 10,000 templates.

The real program on stand-in pins and a folder of rendered pictures, at full speed: people who come,
are turned down or let in, and leave. Beside each start, by turns, the bare import of the two
libraries that run the networks, which no start can be faster than.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.gallery import units
from benchmarks.timing import Report, machine, timing
from benchmarks.watching import sample, slope, warm, watched
from kiosk.settings import load
from kiosk.stores import open_stores
from morning.cast import Person
from morning.doorway import pictures_of
from recognizer.coverage import MAX_TEMPLATES
from recognizer.manifest import load_manifest
from store.keys import create_keys
from store.records import Instant

_READY_WITHIN_S = 60.0
_BARE = [sys.executable, "-c", "import cv2, numpy, onnxruntime"]


def measure(
    weights: Path, cast: list[Person], templates: int, repetitions: int, seconds: float
) -> Report:
    """Starts timed `repetitions` times; then one run of so many `seconds`, its memory watched."""
    conditions = {"templates": templates, "seconds at full speed": seconds, **machine()}
    report = Report("start", conditions)
    with tempfile.TemporaryDirectory(prefix="kiosk-start-") as name:
        folder = Path(name)
        config = terminal(folder, weights)
        pictures_of(cast, folder / "pictures", frames=20, gap=20)
        fill(config, templates)
        pairs = np.array([_pair(config) for _ in range(repetitions)])
        report.timings["`kiosk run`, exec to ready"] = timing(pairs[:, 0])
        report.timings["bare import of OpenCV and ONNX Runtime"] = timing(pairs[:, 1])
        report.numbers["ready over bare import"] = float(np.median(pairs[:, 0] / pairs[:, 1]))
        with running(config) as (process, _):
            report.numbers["processor time until ready, s"] = _processor_s(process.pid)
            report.numbers["resident when ready, MB"] = sample(process.pid).resident_mb
            seen = list(watched(process, seconds))
        report.numbers["resident at full speed, the most, MB"] = max(s.resident_mb for s in seen)
        report.numbers["slope of the last four fifths, MB an hour"] = slope(warm(seen))
    return report


def _pair(config: Path) -> tuple[float, float]:
    with running(config) as (_, ready_s):
        pass
    begun = time.perf_counter()
    subprocess.run(_BARE, check=True)
    return ready_s, time.perf_counter() - begun


@contextmanager
def running(config: Path) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """The daemon, once it said that it is ready, and how long that took; ended afterwards."""
    program = [str(Path(sys.executable).parent / "kiosk"), "run", "--config", str(config)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        if process.stderr is None:
            raise RuntimeError("no stderr")
        said = []
        for line in process.stderr:
            said.append(line)
            if '"ready"' in line:
                break
        else:
            raise RuntimeError(f"kiosk run ended: {''.join(said)}")
        taken = time.perf_counter() - begun
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield process, taken
    finally:
        process.terminate()
        process.wait(_READY_WITHIN_S)


def terminal(folder: Path, weights: Path) -> Path:
    """Make keys and settings of a terminal that looks at `folder / "pictures"` at full speed."""
    create_keys(folder / "keys")
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "hq.pub").write_bytes(pem)
    pad = "on" if any(weights.glob("minifasnet*")) else "off"
    config = folder / "kiosk.toml"
    config.write_text(
        f"""\
[terminal]
site = "plant-1"
name = "gate-a"
zone = "UTC"
[store]
directory = "{folder}"
keys = "{folder / "keys"}"
[hq]
public_key = "{folder / "hq.pub"}"
[camera]
source = "pictures"
path = {json.dumps(str(folder / "pictures"))}
pace = "every-frame"
at_end = "repeat"
[recognition]
weights = {json.dumps(str(weights.resolve()))}
[pad]
mode = "{pad}"
[indicators]
pins = "mock"
""",
        encoding="utf-8",
    )
    return config


def fill(config: Path, templates: int) -> None:
    """Enrol people of random templates until there are so many, in its encrypted gallery."""
    manifest = load_manifest()
    embedder = manifest.pack("open").embedder
    digest = manifest.files[embedder.file].sha256
    vectors = units(np.random.default_rng(1), templates)
    utc = datetime(2026, 3, 1, tzinfo=UTC)
    at = Instant(utc=utc, zone="UTC", boot="b", monotonic_ns=1, synchronised=True, error_ms=None)
    with open_stores(load(config)) as stores, stores.gallery_db.transaction():
        for first in range(0, templates, MAX_TEMPLATES):
            number = f"{first // MAX_TEMPLATES:06}"
            stores.gallery.add_person(number, "n", "en", at)
            stores.gallery.record_consent(number, "v", "d", "h", None, at)
            rows = [(v, 1, at) for v in vectors[first : first + MAX_TEMPLATES]]
            key = stores.protection.id
            stores.gallery.add_templates(number, digest, rows, protection=key)


def _processor_s(pid: int) -> float:
    """User's and system's, of all its threads: what a start costs however busy the machine is."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
