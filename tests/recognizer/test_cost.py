"""What a frame costs, counted in runs of networks, pixels searched and memory taken.

No clock, so no busy machine decides it.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, view
from recognizer.errors import MissingWeightsError
from recognizer.faces import Face, Image
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
    expected = Counter({"detector": 1, **dict.fromkeys(networks, 1)})
    if not subject.attack:
        expected[parts.pack.embedder.file] = 2  # the crop, and its mirror image
    assert runs == expected
    runs.clear()
    far = view(cast[0].walks[0], 50, (0.5, 0.42), (WIDTH, HEIGHT))
    subject = eyes.look(far, 5.0).subject
    assert subject is not None
    assert runs == Counter({"detector": 1})


def test_of_somebody_who_stands_there_half_of_a_frame_is_searched_and_no_copy_of_it_is_made(
    parts: Parts, cast: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    if parts.detector.cell_px is None:
        pytest.skip("this detector is given whole frames: YuNet's weights are not here")
    pixels: list[int] = []
    detect = parts.detector.detect

    def counted(image: Image) -> list[Face]:
        pixels.append(image.shape[0] * image.shape[1])
        return detect(image)

    monkeypatch.setattr(parts.detector, "detect", counted)
    eyes = Recognizer(parts, RecognizerSettings())
    frame = view(cast[0].walks[0], 150, (0.5, 0.42), (WIDTH, HEIGHT))
    for i in range(5):
        eyes.look(frame, i / 15)
    assert pixels == [WIDTH * HEIGHT, *[384 * 384] * 4]
    tracemalloc.start()
    try:
        for i in range(5, 10):
            eyes.look(frame, i / 15)
            most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < frame.nbytes
