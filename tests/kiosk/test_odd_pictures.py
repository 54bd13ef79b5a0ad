"""Pictures and frames of every kind at the terminal: used, refused by name, or a counted skip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk import sight
from kiosk.cameras import Frame
from kiosk.enrolment import Applicant, Limits, enrol
from kiosk.enrolment_photos import from_photos
from kiosk.errors import EnrolmentRefusedError
from kiosk.indicators import Signal
from kiosk.stores import open_stores
from recognizer.decision import DecisionPolicy
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from store.records import Fault, Punch
from tests.kiosk.made import Lamps, now, terminal
from tests.kiosk.made import door as made_door

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def portrait(photos: dict[str, Path]) -> Image:
    image = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    return np.asarray(cv2.resize(image, None, fx=1.3, fy=1.3), dtype=np.uint8)


@pytest.fixture(scope="module")
def eyes(weights_dir: Path) -> Recognizer:
    return open_recognizer(weights_dir, RecognizerSettings(pad=False))


def test_a_dog_beside_the_person_is_nobody(
    eyes: Recognizer, portrait: Image, shared_faces: Path, tmp_path: Path
) -> None:
    dogs = np.asarray(cv2.imread(str(shared_faces / "negative" / "dogs.jpg")), dtype=np.uint8)
    (dog,) = (found for found in eyes.embed_photo(dogs) if found.embedding is None)
    x, y, w, h = (round(side) for side in dog.face.box)
    head = dogs[max(0, y - h) : y + 2 * h, max(0, x - w) : x + 2 * w]
    tall = portrait.shape[0] / head.shape[0]
    head = np.asarray(cv2.resize(head, None, fx=tall, fy=tall), dtype=np.uint8)[: len(portrait)]
    beside = np.hstack([portrait, head])
    assert len(eyes.embed_photo(beside)) > 1
    cv2.imwrite(str(tmp_path / "both.png"), beside)
    samples, passed_over = from_photos(eyes, [tmp_path / "both.png"])
    assert (len(samples), passed_over) == (1, [])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _segments(jpeg: bytes) -> tuple[dict[int, list[bytes]], bytes]:
    """A one-channel JPEG's segments by marker, and the coded picture."""
    at, found = 2, defaultdict(list)
    while 0xDA not in found:
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found[jpeg[at + 1]].append(jpeg[at + 4 : at + 2 + size])
        at += 2 + size
    return found, jpeg[at:-2]


def four_inks(image: Image) -> bytes:
    """The picture as a CMYK JPEG with Adobe's inverted inks: one scan for each of the four."""
    no_black = np.full(image.shape[:2], 255, dtype=np.uint8)
    jpeg, scans = b"\xff\xd8" + _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"), b""
    for number, ink in enumerate((*reversed(cv2.split(image)), no_black), start=1):
        found, coded = _segments(bytes(cv2.imencode(".jpg", ink)[1]))
        if number == 1:
            components = b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3, 4))
            jpeg += b"".join(_segment(0xDB, table) for table in found[0xDB])
            jpeg += _segment(0xC0, found[0xC0][0][:5] + b"\x04" + components)
            jpeg += b"".join(_segment(0xC4, table) for table in found[0xC4])
        scans += _segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + coded
    return jpeg + scans + b"\xff\xd9"


def test_a_photo_in_four_inks_is_the_same_photo(
    eyes: Recognizer, portrait: Image, tmp_path: Path
) -> None:
    (tmp_path / "inks.jpg").write_bytes(four_inks(portrait))
    cv2.imwrite(str(tmp_path / "plain.png"), portrait)
    (inks, plain), _ = from_photos(eyes, [tmp_path / "inks.jpg", tmp_path / "plain.png"])
    assert float(inks.embedding @ plain.embedding) > 0.99


def test_photos_that_cannot_enrol_are_each_refused_by_name(
    eyes: Recognizer, portrait: Image, tmp_path: Path
) -> None:
    good = bytes(cv2.imencode(".jpg", portrait)[1])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(good[:200])
    (tmp_path / "noise.jpg").write_bytes(np.random.default_rng(1).bytes(5000))
    cv2.imwrite(str(tmp_path / "dot.png"), portrait[:1, :1])
    bad = sorted(tmp_path.iterdir())
    for photo in bad:
        with pytest.raises(EnrolmentRefusedError, match=photo.name) as refusal:
            from_photos(eyes, [photo])
        assert refusal.value.reason in ("unreadable", "no_face")
    (tmp_path / "deep.png").write_bytes(
        bytes(cv2.imencode(".png", portrait.astype(np.uint16) * 257)[1])
    )
    samples, lines = from_photos(eyes, [*bad, tmp_path / "deep.png"], skip_unusable=True)
    assert (len(samples), len(lines)) == (1, 4)


class _Frames:
    """A camera that gives these and ends."""

    def __init__(self, images: list[Image]) -> None:
        self._images = images

    def frames(self) -> Iterator[Frame]:
        for n, image in enumerate(self._images):
            yield Frame(image, n / 15)

    def close(self) -> None:
        """Nothing to give back."""


def test_frames_that_are_no_pictures_are_skipped_counted_and_the_door_goes_on(
    eyes: Recognizer, portrait: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = terminal(tmp_path)
    said: list[dict[str, object]] = []
    monkeypatch.setattr(
        sight, "complain", lambda event, **more: said.append(more | {"event": event})
    )
    grey, deep = portrait[:, :, 0], portrait.astype(np.uint16)
    wrong: list[Image] = [grey, deep[:, :, :2], portrait[:0], grey] * 10  # type: ignore[list-item]
    small = np.asarray(cv2.resize(portrait, None, fx=0.9, fy=0.9), dtype=np.uint8)
    with open_stores(settings) as stores:
        cv2.imwrite(str(tmp_path / "a.png"), portrait)
        samples, _ = from_photos(eyes, [tmp_path / "a.png"])
        applicant = Applicant("1007", "A Name", "en", "on paper", None)
        enrol(
            stores, eyes.model_digest, applicant, samples, Limits(0.5, DecisionPolicy(0.5)), now()
        )
        lamps = Lamps()
        door = made_door(settings, stores, eyes, lamps)
        door.run(_Frames([*wrong, portrait, grey, small, portrait, grey, portrait]))
        contents = [record.content() for record in stores.ledger.records(0, 100)]
    faults = [content.body["code"] for content in contents if content.kind == Fault.kind]
    punches = [content.body["person"] for content in contents if content.kind == Punch.kind]
    assert (faults, punches) == (["bad_frames"], ["1007"])
    assert Signal.ACCEPTED in lamps.shown
    assert {row["event"] for row in said} == {"frame_skipped"}
    counts = [(row["in_a_row"], row["total"]) for row in said]
    assert counts == [(1, 1), (15, 15), (1, 41), (1, 42)]
