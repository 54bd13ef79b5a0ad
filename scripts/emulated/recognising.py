"""What this machine's recogniser makes of one photo and one walk-up, as JSON on stdout.

    python recognising.py WEIGHTS PHOTO PICTURES

It is run by the host's Python and by the emulated one on the same files, so it imports only the
product. PHOTO has one good face; PICTURES is a folder of frames in the order of their names.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.calibration import threshold
from recognizer.decision import DecisionPolicy
from recognizer.evidence import Evidence
from recognizer.matcher import Matcher
from recognizer.pipeline import RecognizerSettings, open_recognizer

_FPS = 15.0
_FPIR = 0.003  # the default of [recognition]
_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "sqlcipher3", "cryptography")


def main(weights: Path, photo: Path, pictures: Path) -> None:
    """Enrol from `photo`, look at every picture, decide, and print all of it."""
    eyes = open_recognizer(weights, RecognizerSettings(pad=True))
    template = eyes.embed_photo(_read(photo))[0].embedding
    if template is None:
        raise ValueError(f"{photo}: no face that is good enough")
    seen: list[Evidence] = []
    began = time.perf_counter()
    frames = sorted(pictures.iterdir())
    for i, path in enumerate(frames):
        subject = eyes.look(_read(path), i / _FPS).subject
        if subject is not None:
            seen.append(subject)
    seconds = time.perf_counter() - began
    policy = DecisionPolicy(threshold(1, _FPIR, eyes.calibration))
    decision = policy.decide(seen, Matcher(["1001"], template[None]))
    told = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "milliseconds_a_frame": round(1000 * seconds / len(frames)),
        "verdict": decision.verdict.value,
        "person": decision.person,
        "score": decision.score,
        "template": template.tolist(),
        "live": [e.live for e in seen],
        "embeddings": [None if e.embedding is None else e.embedding.tolist() for e in seen],
    }
    sys.stdout.write(json.dumps(told))


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not a picture that can be read")
    return np.asarray(image, dtype=np.uint8)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
