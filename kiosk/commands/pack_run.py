"""One pack measured on one set of photos: what `kiosk evaluate` does for each pack.

A pack whose weights are missing or damaged, whose licence nobody accepted, or that has no
calibration is a result with its error; a pack that no manifest knows is wrong use and raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.calibration_file import read
from kiosk.commands.measuring import acquire_with_bar, progress_bar
from kiosk.errors import PhotoSetError
from kiosk.evaluation_report import summary
from kiosk.evaluation_tables import group_values, open_set_values, robustness_values
from kiosk.photo_sets import Acquired, PhotoSet, usable_pairs
from kiosk.robustness import chosen_rows, measure_robustness
from kiosk.stage_times import StageTimes, machine
from recognizer.derived import Choice
from recognizer.errors import (
    LicenceError,
    ManifestError,
    MissingCalibrationError,
    MissingWeightsError,
    ModelError,
)
from recognizer.evaluation import Comparisons, Evaluation, compare_all, compare_listed, evaluate
from recognizer.groups import by_group
from recognizer.manifest import load_manifest
from recognizer.open_set import WANTED_FPIR, open_set
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer

Groups = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, slots=True, eq=False)
class PackRun:
    """A pack's plain result; `found` is None and `error` set where it could not be opened."""

    result: dict[str, Any]
    found: Evaluation | None
    error: Exception | None


def measure_pack(
    pack: str,
    photos: PhotoSet,
    groups: Groups,
    weights: Path,
    accepted: Sequence[str],
    calibration: Path | None,
    robustness_photos: int | None,
    derived: Choice,
    clock: Callable[[], float],
) -> PackRun:
    """Everything of one pack; robustness unless `robustness_photos` is None.

    Raises `UnknownPackError`, `PhotoSetError`.
    """
    word = load_manifest().pack(pack).acceptance
    accept = word if word in accepted else None
    try:
        own = None if calibration is None else read(calibration, pack)
        eyes = open_recognizer(
            weights,
            RecognizerSettings(
                pack=pack, pad=False, accept_licence=accept, calibration=own, derived=derived
            ),
        )
        known = eyes.calibration  # before the photos: a pack without one is told at once
    except (
        LicenceError,
        ManifestError,
        MissingCalibrationError,
        MissingWeightsError,
        ModelError,
        PhotoSetError,
    ) as error:
        return PackRun({"pack": pack, "error": str(error)}, None, error)
    times = StageTimes(clock)
    acquired = acquire_with_bar(eyes, photos, times, f"{pack}: photos")
    found = evaluate(_compare(photos, acquired, None), acquired.people, known)
    people = [photo.person for photo in acquired.photos]
    searched = open_set(acquired.embeddings, people) if photos.pairs is None else None
    at = found.operating_threshold
    result = summary(photos, acquired, found) | {
        "pack": pack,
        "error": None,
        "model": eyes.model_digest,
        "notes": [note for note in eyes.notes if not note.startswith("PAD is off")],
        "open_set": open_set_values(searched, WANTED_FPIR),
        "groups": [
            _grouped(attribute, held, photos, acquired, at) for attribute, held in groups.items()
        ],
        "latency": machine() | {"stages": times.rows()},
        "robustness": (
            None
            if robustness_photos is None
            else _robustness(eyes, acquired, at, robustness_photos)
        ),
    }
    return PackRun(result, found, None)


def _compare(photos: PhotoSet, acquired: Acquired, rows: frozenset[int] | None) -> Comparisons:
    """The set's comparisons, only those among `rows` unless that is None."""
    if photos.pairs is not None:
        pairs = usable_pairs(photos, acquired)
        if rows is not None:
            pairs = [pair for pair in pairs if pair[0] in rows and pair[1] in rows]
        return compare_listed(acquired.embeddings, pairs)
    own = sorted(range(len(acquired.photos)) if rows is None else rows)
    return compare_all(acquired.embeddings[own], [acquired.photos[row].person for row in own])


def _grouped(
    attribute: str,
    held: Sequence[str | None],
    photos: PhotoSet,
    acquired: Acquired,
    at: float,
) -> dict[str, Any]:
    of_photo = dict(zip(photos.photos, held, strict=True))
    usable = [of_photo[photo] for photo in acquired.photos]
    rates = by_group(usable, lambda rows: _compare(photos, acquired, rows), at)
    return group_values(attribute, held, rates, photos, acquired)


def _robustness(
    eyes: Recognizer, acquired: Acquired, at: float, photos_a_person: int
) -> dict[str, Any]:
    rows = chosen_rows(acquired, photos_a_person)
    if not rows:
        raise PhotoSetError("--robustness needs two usable photos of one person at least")
    with progress_bar("degraded photos", len(rows)) as advance:
        found = measure_robustness(eyes, acquired, rows, at, advance)
    return robustness_values(found, len(rows), photos_a_person)
