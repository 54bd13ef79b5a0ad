"""Cameras: the Pi's own, V4L2, and the stand-ins, a video file and a folder of pictures.

Rules: a consumer always gets the newest frame, never a backlog; `Frame.at_s` never goes back;
frames are BGR and are not kept or written anywhere. OpenCV's capture and picamera2 are touched here
only, and picamera2 only inside its class because importing it opens libcamera.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import CameraError
from kiosk.settings import CameraSection

_SILENT_S = 5.0  # a camera that gives nothing for so long is lost
_AF_CONTINUOUS = 2  # libcamera's controls.AfModeEnum.Continuous; importing it opens libcamera


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, (h, w, 3) uint8 BGR, and when it was taken in seconds of the camera's own time."""

    image: NDArray[np.uint8]
    at_s: float


class Camera(Protocol):
    """A source of frames."""

    def frames(self) -> Iterator[Frame]:
        """Frames until the source ends or is closed; raises `CameraError` when it is lost."""

    def close(self) -> None:
        """Give the device back; `frames` ends. May be called twice and from a signal handler."""


class NewestFrame:
    """A live camera read by a thread of its own, so that a slow consumer never sees an old frame.

    `read` blocks for the next picture and returns None when the camera gives none. This is what
    every live camera shares; each adapter brings `read` and `release`.
    """

    def __init__(
        self, read: Callable[[], NDArray[np.uint8] | None], release: Callable[[], None], name: str
    ) -> None:
        self._read, self._release, self._name = read, release, name
        self._fresh = threading.Condition()
        self._newest: Frame | None = None
        self._lost = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="camera", daemon=True)

    def _pump(self) -> None:
        try:
            while not self._closed.is_set():
                image = self._read()
                with self._fresh:
                    self._lost = image is None
                    if image is not None:
                        self._newest = Frame(image, time.monotonic())
                    self._fresh.notify()
                if image is None:
                    return
        finally:
            with self._fresh:
                self._lost = True
                self._fresh.notify()
            self._release()

    def frames(self) -> Iterator[Frame]:
        """The newest frame each time; raises `CameraError` when the camera is lost."""
        self._thread.start()
        while not self._closed.is_set():
            with self._fresh:
                self._fresh.wait_for(lambda: self._newest is not None or self._lost, _SILENT_S)
                frame, self._newest = self._newest, None
            if self._closed.is_set():
                return
            if frame is None:
                raise CameraError(f"{self._name} gives no frames; check its cable and its power")
            yield frame

    def close(self) -> None:
        """Stop reading; the thread gives the device back as soon as its read returns."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)


def open_v4l2(section: CameraSection) -> Camera:
    """A V4L2 camera by number or device path; raises `CameraError`."""
    capture = cv2.VideoCapture(section.device, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CameraError(
            f"camera {section.device} cannot be opened; "
            "`v4l2-ctl --list-devices` shows which there are, and the user must be in group video"
        )
    for key, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, section.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, section.height),
        (cv2.CAP_PROP_FPS, section.fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        capture.set(key, value)

    def read() -> NDArray[np.uint8] | None:
        there, image = capture.read()
        return np.asarray(image, dtype=np.uint8) if there else None

    return NewestFrame(read, capture.release, f"camera {section.device}")


def open_picamera(section: CameraSection) -> Camera:
    """The Raspberry Pi's camera through picamera2; raises `CameraError`."""
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - importing it opens libcamera
    except ImportError as error:
        raise CameraError(
            f"picamera2 cannot be loaded ({error}); on a Pi `apt-get install python3-libcamera` "
            "and a virtual environment that sees system packages, elsewhere another [camera] source"
        ) from error
    try:
        camera = Picamera2(section.device if isinstance(section.device, int) else 0)
        controls: dict[str, float] = {"FrameRate": section.fps}
        if "AfMode" in camera.camera_controls:  # Camera Module 3: without it the lens stays put
            controls["AfMode"] = _AF_CONTINUOUS
        camera.configure(
            camera.create_video_configuration(
                # libcamera names this layout RGB888; in memory it is B, G, R, which OpenCV wants.
                main={"size": (section.width, section.height), "format": "RGB888"},
                controls=controls,
                buffer_count=3,
                queue=False,
            )
        )
        camera.start()
    except (RuntimeError, IndexError, OSError) as error:
        raise CameraError(
            f"the Pi's camera cannot be started ({error}); `rpicam-hello --list-cameras` shows "
            "what is connected"
        ) from error

    def read() -> NDArray[np.uint8] | None:
        return np.asarray(camera.capture_array("main"), dtype=np.uint8)

    def release() -> None:
        camera.stop()
        camera.close()

    return NewestFrame(read, release, "the Pi's camera")


class RecordedCamera:
    """Pictures in place of a camera: a video file or a folder of pictures.

    With pace "realtime" it behaves as a live camera does: it waits until a frame is due and drops
    those that a slow consumer missed. With "every-frame" nothing waits and nothing is dropped, and
    `at_s` still advances by one frame's time. `now` and `wait` are the monotonic clock and how to
    let time pass; `wait` returns True when the camera was closed meanwhile.
    """

    def __init__(
        self,
        section: CameraSection,
        pictures: Callable[[], Iterator[NDArray[np.uint8]]],
        fps: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section, self._pictures, self._fps, self._now = section, pictures, fps, now
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Frames in order; ends after the last unless `at_end` is "repeat"."""
        index, start = 0, self._now()
        realtime = self._section.pace == "realtime"
        while not self._closed.is_set():
            before = index
            for image in self._pictures():
                at_s = index / self._fps
                index += 1
                if realtime:
                    ahead = start + at_s - self._now()
                    if ahead < -1 / self._fps:
                        continue
                    if self._closed.wait(max(ahead, 0)):
                        return
                if self._closed.is_set():
                    return
                yield Frame(image, at_s)
            if index == before:
                raise CameraError(f"{self._section.path} holds no picture that can be read")
            if self._section.at_end == "stop":
                return

    def close(self) -> None:
        """End `frames` at once."""
        self._closed.set()


def open_video(section: CameraSection) -> Camera:
    """A video file in place of a camera, at the file's own frame rate; raises `CameraError`."""
    path = _path(section)
    probe = cv2.VideoCapture(str(path))
    fps = probe.get(cv2.CAP_PROP_FPS)
    opened = probe.isOpened()
    probe.release()
    if not opened:
        raise CameraError(f"{path} is not a video that OpenCV can read")

    def pictures() -> Iterator[NDArray[np.uint8]]:
        capture = cv2.VideoCapture(str(path))
        try:
            while True:
                there, image = capture.read()
                if not there:
                    return
                yield np.asarray(image, dtype=np.uint8)
        finally:
            capture.release()

    return RecordedCamera(section, pictures, fps if fps > 0 else section.fps)


def open_pictures(section: CameraSection) -> Camera:
    """A folder of pictures in place of a camera, in order of name; raises `CameraError`.

    Pictures of another size than `[camera]` says are fitted into it, as a camera would deliver.
    """
    path = _path(section)

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for file in sorted(p for p in path.iterdir() if p.suffix.lower() in _PICTURES):
            image = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if image is None:
                raise CameraError(f"{file} is not a picture that OpenCV can read")
            yield _fit(np.asarray(image, dtype=np.uint8), section.width, section.height)

    return RecordedCamera(section, pictures, section.fps)


_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_OPENERS: dict[str, Callable[[CameraSection], Camera]] = {
    "picamera2": open_picamera,
    "v4l2": open_v4l2,
    "video": open_video,
    "pictures": open_pictures,
}


def open_camera(section: CameraSection) -> Camera:
    """The camera that the settings name; raises `CameraError`."""
    return _OPENERS[section.source](section)


def _path(section: CameraSection) -> Path:
    if section.path is None:
        raise CameraError(f'[camera] source = "{section.source}" needs a path')
    return section.path


def _fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    h, w = image.shape[:2]
    scale = min(width / w, height / h)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    frame = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    frame[top : top + size[1], left : left + size[0]] = small
    return frame
