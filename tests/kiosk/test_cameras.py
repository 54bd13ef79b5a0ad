"""The camera stand-ins, and the newest-frame rule that live cameras share."""

from __future__ import annotations

import sys
import threading
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.cameras import NewestFrame, RecordedCamera, open_camera
from kiosk.errors import CameraError
from kiosk.settings import CameraSection


def pictures(folder: Path, count: int) -> CameraSection:
    for i in range(count):
        image = np.full((48, 64, 3), i * 20, dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return CameraSection(source="pictures", path=folder, pace="every-frame", fps=10)


def test_a_folder_of_pictures_plays_in_order_at_the_frame_rate(tmp_path: Path) -> None:
    frames = list(open_camera(pictures(tmp_path, 5)).frames())
    assert [frame.at_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert {frame.image.shape for frame in frames} == {(480, 640, 3)}
    assert [int(frame.image[240, 320, 0]) for frame in frames] == [0, 20, 40, 60, 80]


def test_a_video_file_plays_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (64, 48))
    for _ in range(7):
        writer.write(np.zeros((48, 64, 3), dtype=np.uint8))
    writer.release()
    section = CameraSection(source="video", path=path, pace="every-frame")
    assert len(list(open_camera(section).frames())) == 7


def test_in_real_time_a_slow_consumer_misses_frames_and_never_gets_a_backlog() -> None:
    time_s = 0.0

    def images() -> list[NDArray[np.uint8]]:
        return [np.full((2, 2, 3), i, dtype=np.uint8) for i in range(20)]

    section = CameraSection(source="v4l2", fps=8)
    camera = RecordedCamera(section, lambda: iter(images()), 8, now=lambda: time_s)
    got = []
    for frame in camera.frames():
        got.append(int(frame.image[0, 0, 0]))
        time_s += 0.5  # four frames pass while this one is worked on
    assert got == [0, 3, 7, 11, 15, 19]


def test_repeat_goes_on_with_time_that_never_goes_back(tmp_path: Path) -> None:
    section = pictures(tmp_path, 3).model_copy(update={"at_end": "repeat"})
    camera = open_camera(section)
    times = []
    for frame in camera.frames():
        times.append(frame.at_s)
        if len(times) == 8:
            camera.close()
    assert len(times) == 8
    assert times == sorted(times)


@pytest.mark.parametrize("content", [None, b"not a video"])
def test_what_is_not_a_video_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.avi"
    path.write_bytes(content or b"")
    with pytest.raises(CameraError, match="not a video"):
        open_camera(CameraSection(source="video", path=path))


def test_an_empty_folder_is_a_clear_error(tmp_path: Path) -> None:
    camera = open_camera(pictures(tmp_path, 0))
    with pytest.raises(CameraError, match="no picture"):
        list(camera.frames())


def test_a_camera_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(CameraError, match="cannot be opened"):
        open_camera(CameraSection(source="v4l2", device="/dev/no-such-camera"))


def test_without_picamera2_the_mend_is_named() -> None:
    with pytest.raises(CameraError, match="python3-libcamera"):
        open_camera(CameraSection(source="picamera2"))


def test_a_live_camera_gives_the_newest_frame_and_its_loss_is_an_error() -> None:
    taken = threading.Event()
    released = threading.Event()
    count = 0

    def read() -> NDArray[np.uint8] | None:
        nonlocal count
        count += 1
        if count == 6:
            taken.wait(10)
        return np.full((2, 2, 3), count, dtype=np.uint8) if count <= 6 else None

    frames = NewestFrame(read, released.set, "camera 0").frames()
    first = int(next(frames).image[0, 0, 0])
    assert 1 <= first <= 5
    taken.set()
    with pytest.raises(CameraError, match="camera 0 gives no frames"):
        list(frames)
    assert released.wait(10)


class Sensor:
    """picamera2's camera, as far as it is used here; `offers` are the controls that it has."""

    def __init__(self, offers: dict[str, tuple[int, int, int]]) -> None:
        self.camera_controls = offers
        self.told: dict[str, object] = {}
        self.steps: list[str] = []

    def create_video_configuration(self, **given: object) -> dict[str, object]:
        return given

    def configure(self, given: dict[str, object]) -> None:
        self.told = given

    def start(self) -> None:
        self.steps.append("start")

    def capture_array(self, name: str) -> NDArray[np.uint8]:
        return np.zeros((480, 640, 3), dtype=np.uint8)

    def stop(self) -> None:
        self.steps.append("stop")

    def close(self) -> None:
        self.steps.append("close")


@pytest.mark.parametrize("focuses", [True, False])
def test_a_camera_that_can_focus_is_told_to_go_on_focusing(
    monkeypatch: pytest.MonkeyPatch, focuses: bool
) -> None:
    sensor = Sensor({"AfMode": (0, 2, 0)} if focuses else {"FrameRate": (1, 120, 30)})
    module = types.ModuleType("picamera2")
    module.Picamera2 = lambda number: sensor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    camera = open_camera(CameraSection(source="picamera2", fps=10))
    assert next(iter(camera.frames())).image.shape == (480, 640, 3)
    camera.close()
    expected = {"FrameRate": 10, **({"AfMode": 2} if focuses else {})}
    assert sensor.told["controls"] == expected
    assert sensor.steps == ["start", "stop", "close"]


def test_frames_are_taken_while_a_record_is_written_and_the_newest_is_looked_at_next() -> None:
    taken, wanted = 0, threading.Event()

    def read() -> NDArray[np.uint8]:
        nonlocal taken
        taken += 1
        if taken == 50:
            wanted.set()
        return np.full((2, 2, 3), min(taken, 255), dtype=np.uint8)

    camera = NewestFrame(read, lambda: None, "camera 0")
    frames = camera.frames()
    next(frames)
    assert wanted.wait(10)  # a commit on a slow disk: the loop does not come back meanwhile
    newest = int(next(frames).image[0, 0, 0])
    camera.close()
    assert newest >= 49
