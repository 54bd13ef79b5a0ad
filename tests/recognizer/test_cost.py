"""What a frame costs, counted in runs of networks: no clock, so no busy machine decides it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, view
from recognizer.errors import MissingWeightsError
from recognizer.opening import Parts, RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer
from recognizer.session import Session, Tensor


@pytest.fixture
def parts(weights_dir: Path) -> Parts:
    try:
        return open_parts(weights_dir, RecognizerSettings())
    except MissingWeightsError as error:
        pytest.skip(str(error))


def test_a_frame_runs_each_network_once_and_a_face_too_far_off_none(
    parts: Parts, cast: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: Counter[str] = Counter()
    run, detect = Session.run, parts.detector.detect

    def counted(self: Session, tensor: Tensor) -> list[Tensor]:
        runs[self._what] += 1
        return run(self, tensor)

    def counted_detection(image: object) -> object:
        runs["detector"] += 1
        return detect(image)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "run", counted)
    monkeypatch.setattr(parts.detector, "detect", counted_detection)
    eyes = Recognizer(parts, RecognizerSettings())
    near = view(cast[0].walks[0], 150, (0.5, 0.42), (WIDTH, HEIGHT))
    subject = eyes.look(near, 0.0).subject
    assert subject is not None
    assert subject.live is not None
    assert parts.pack.pad is not None
    networks = [parts.pack.embedder.file, *(n.file for n in parts.pack.pad.networks)]
    if subject.attack:
        del networks[0]
    if parts.confirm is not None and parts.pack.confirm is not None:
        networks.append(parts.pack.confirm.file)
    assert runs == Counter({"detector": 1, **dict.fromkeys(networks, 1)})
    runs.clear()
    far = view(cast[0].walks[0], 50, (0.5, 0.42), (WIDTH, HEIGHT))
    subject = eyes.look(far, 5.0).subject
    assert subject is not None
    assert runs == Counter({"detector": 1})
