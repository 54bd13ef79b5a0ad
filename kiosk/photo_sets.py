"""Photos whose people are known, for measuring: a folder a person, or a list of pairs.

Rules
- Photos are read, never written or moved.
- A photo that cannot be used is a counted failure with a stable reason, never an exception; only a
  set that cannot be understood at all raises `PhotoSetError`.
- A set is one of: a folder that has one folder of pictures a person; LFW's `pairs.txt` as it is
  (`name i j` and `name1 i name2 j`, pictures `name/name_0001.jpg`); a CSV with the columns
  `a,b,same`, whose people are those that the pairs with `same` tie together.
- The largest face that is good enough stands for the photo.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import PhotoSetError
from kiosk.stage_times import StageTimes
from recognizer.errors import ImageError
from recognizer.faces import Face, Image
from recognizer.pipeline import Recognizer

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_YES, _NO = frozenset({"1", "true", "yes", "same"}), frozenset({"0", "false", "no", "different"})


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture, the name it is reported by, and whom it shows."""

    path: Path
    name: str
    person: str


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos, and which to compare as (index, index, same person); None is every pair."""

    photos: tuple[Photo, ...]
    pairs: tuple[tuple[int, int, bool], ...] | None

    @property
    def people(self) -> int:
        """How many different people the photos show."""
        return len({photo.person for photo in self.photos})


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """The usable photos with their faces and (n, d) float32 embeddings; the others' reasons."""

    photos: tuple[Photo, ...]
    faces: tuple[Face, ...]
    embeddings: NDArray[np.float32]
    failed: tuple[tuple[Photo, str], ...]

    @property
    def people(self) -> int:
        """How many people have a usable photo: the size of a gallery made of them."""
        return len({photo.person for photo in self.photos})


def read_set(source: Path, images: Path | None = None) -> PhotoSet:
    """The set at `source`; pictures of a pairs file are in `images` or beside it.

    Raises `PhotoSetError`.
    """
    try:
        if source.is_dir():
            return _folder(source)
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PhotoSetError(f"{source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PhotoSetError(
            f"{source} is neither a folder nor text: give a folder of folders, LFW's pairs.txt, "
            "or a CSV with the columns a,b,same"
        ) from error
    where = images or source.parent
    first = text.partition("\n")[0].strip().lower()
    pairs = _csv(source, text) if "," in first else _lfw(source, text)
    return _paired(pairs, where)


def acquire(
    recognizer: Recognizer,
    photos: Iterable[Photo],
    on_progress: Callable[[], None],
    times: StageTimes | None = None,
) -> Acquired:
    """Embed the face of each photo; `on_progress` is called after each, `times` takes the time."""
    good: list[Photo] = []
    faces: list[Face] = []
    vectors: list[NDArray[np.float32]] = []
    failed: list[tuple[Photo, str]] = []
    for photo in photos:
        image = read_photo(photo.path)
        found = image if isinstance(image, str) else embed_face(recognizer, image, times)
        if isinstance(found, str):
            failed.append((photo, found))
        else:
            good.append(photo)
            faces.append(found[0])
            vectors.append(found[1])
        on_progress()
    empty = np.empty((0, recognizer.dimension), dtype=np.float32)
    embeddings = np.stack(vectors) if vectors else empty
    return Acquired(tuple(good), tuple(faces), embeddings, tuple(failed))


def usable_pairs(photos: PhotoSet, acquired: Acquired) -> list[tuple[int, int, bool]]:
    """The set's pairs whose photos are both usable, as rows of `acquired.embeddings`."""
    rows = {photo: row for row, photo in enumerate(acquired.photos)}
    return [
        (rows[photos.photos[a]], rows[photos.photos[b]], same)
        for a, b, same in photos.pairs or ()
        if photos.photos[a] in rows and photos.photos[b] in rows
    ]


def embed_face(
    recognizer: Recognizer, image: Image, times: StageTimes | None = None
) -> tuple[Face, NDArray[np.float32]] | str:
    """The face that stands for the picture and its embedding, or the reason why there is none."""
    try:
        if times is None:
            faces = recognizer.embed_photo(image)
        else:
            with times.photo():
                faces = recognizer.embed_photo(image, times.stage_done)
    except (ImageError, cv2.error, MemoryError):
        return "unreadable"
    for face in faces:
        if face.embedding is not None:
            return face.face, face.embedding
    reason = faces[0].quality.reason if faces else None
    return reason.value if reason is not None else "no_face"


def read_photo(path: Path) -> Image | str:
    """8-bit BGR, turned as its EXIF says, whatever OpenCV reads; or the reason why not."""
    try:
        if not path.is_file():
            return "missing"
        raw = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    except (OSError, ValueError, cv2.error, MemoryError):  # ValueError: a zero byte in the name
        return "unreadable"
    return "unreadable" if image is None else np.asarray(image, dtype=np.uint8)


def _folder(source: Path) -> PhotoSet:
    photos = [
        Photo(file, f"{shown(person.name)}/{shown(file.name)}", shown(person.name))
        for person in sorted(source.iterdir())
        if person.is_dir()
        for file in sorted(person.iterdir())
        if named_as_picture(file)
    ]
    if not photos:
        raise PhotoSetError(f"{source} has no pictures in a folder a person: sort them like that")
    return PhotoSet(tuple(photos), None)


_Side = tuple[str, str | None]  # a picture's path below the images, and whom it shows if known


def _lfw(source: Path, text: str) -> list[tuple[_Side, _Side, bool]]:
    pairs: list[tuple[_Side, _Side, bool]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("\t") if "\t" in line else line.split()
        words = [word.strip() for word in words if word.strip()]
        if not words or (number == 1 and len(words) <= 2 and all(w.isdigit() for w in words)):
            continue  # the first line is the number of folds and of pairs
        if len(words) == 3:
            words = [words[0], words[1], words[0], words[2]]
        if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
            raise PhotoSetError(
                f"{source} line {number}: neither `name i j` nor `name1 i name2 j` as in LFW"
            )
        one, other = (
            (f"{name}/{name}_{int(i):04d}.jpg", name)
            for name, i in ((words[0], words[1]), (words[2], words[3]))
        )
        pairs.append((one, other, words[0] == words[2]))
    return pairs


def _csv(source: Path, text: str) -> list[tuple[_Side, _Side, bool]]:
    pairs: list[tuple[_Side, _Side, bool]] = []
    try:
        rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
        columns = {(column or "").strip().lower(): column for column in rows.fieldnames or ()}
        if not {"a", "b", "same"} <= set(columns):
            raise PhotoSetError(f"{source}: the first line must have the columns a,b,same")
        for row in rows:
            a, b, same = ((row[columns[c]] or "").strip() for c in ("a", "b", "same"))
            if not a or not b or same.lower() not in _YES | _NO:
                raise PhotoSetError(
                    f"{source} line {rows.line_num}: a and b are pictures, same is 1 or 0"
                )
            pairs.append(((a, None), (b, None), same.lower() in _YES))
    except csv.Error as error:
        raise PhotoSetError(f"{source}: {error}") from error
    return pairs


def _paired(pairs: list[tuple[_Side, _Side, bool]], where: Path) -> PhotoSet:
    order = list(dict.fromkeys(side for a, b, _ in pairs for side in (a, b)))
    index = {side: i for i, side in enumerate(order)}
    group = list(range(len(order)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for a, b, same in pairs:
        if same:
            group[root(index[a])] = root(index[b])
    photos = tuple(
        Photo(where / name, shown(name), person or str(root(i)))
        for i, (name, person) in enumerate(order)
    )
    if not photos:
        raise PhotoSetError("the pairs file has no pair")
    return PhotoSet(photos, tuple((index[a], index[b], same) for a, b, same in pairs))


def named_as_picture(path: Path) -> bool:
    """Whether a file's name says that it is a picture, and not a hidden one."""
    return path.suffix.lower() in _PICTURES and not path.name.startswith(".")


def shown(name: str) -> str:
    """A file's name as text that can be printed, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")
