"""A calibration from photos, and the TOML that holds it.

Rules
- Only comparisons of two different people count.
- The file says what the fit rests on and below which FMR it extrapolates.
- Written whole or not at all.
- Read for one pack only: a distribution of another pack's scores says nothing about this one's.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from contextlib import suppress
from pathlib import Path

from kiosk.errors import PhotoSetError
from kiosk.photo_sets import Acquired
from recognizer.calibration import (
    Calibration,
    CalibrationError,
    beyond_measured,
    fit,
    threshold,
)
from recognizer.evaluation import FPIR, compare_all

_GALLERIES = (10, 100, 1_000, 10_000)  # templates


def calibrate(acquired: Acquired, name: str) -> Calibration:
    """The fit to the photos' impostor scores; `name` is the set's.

    Raises `CalibrationError` when there are too few scores, or all are the same.
    """
    people = [photo.person for photo in acquired.photos]
    scores = compare_all(acquired.embeddings, people).impostor
    if scores.size >= 100 and scores[0] == scores[-1]:
        raise CalibrationError("all impostor scores are the same: are the photos copies of one?")
    source = f"{len(people)} faces in the folder {_plain(name)}"
    return fit(scores, acquired.people, source)


def toml_of(calibration: Calibration, pack: str) -> str:
    """What stands in the manifest as `[packs.NAME.calibration]`."""
    bound_sd = math.ceil(calibration.bound_sd * 1e6) / 1e6  # upwards: it stays a bound
    return (
        f"# Below an FMR of {calibration.finest_fmr:.1e} nothing was measured: the threshold\n"
        "# follows the fitted tail alone (rule of three).\n"
        f"[packs.{pack}.calibration]\n"
        f"mean = {calibration.mean:.6f}\n"
        f"bound_sd = {bound_sd:.6f}\n"
        f"highest = {calibration.highest:.6f}\n"
        f"comparisons = {calibration.comparisons}\n"
        f"people = {calibration.people}\n"
        f"source = {json.dumps(calibration.source, ensure_ascii=False)}\n"
    )


def read(path: Path, pack: str) -> Calibration:
    """The calibration of this pack that `write` wrote.

    Raises `PhotoSetError` for a file that cannot be read, or that is no calibration of this pack.
    """
    mend = f"make it with `kiosk models calibrate DIR --pack {pack} --out {path}`"
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        return Calibration.model_validate(held["packs"][pack]["calibration"])
    except OSError as error:
        raise PhotoSetError(f"{path} cannot be read ({error.strerror}): {mend}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise PhotoSetError(f"{path} holds no calibration of the pack {pack}: {mend}") from error


def thresholds(calibration: Calibration, fpir: float = FPIR) -> list[dict[str, float]]:
    """The threshold for galleries of some sizes, and how far beyond the measured FMR each is."""
    return [
        {
            "templates": n,
            "fpir": fpir,
            "threshold": threshold(n, fpir, calibration),
            "beyond": beyond_measured(n, fpir, calibration),
        }
        for n in _GALLERIES
    ]


def write(path: Path, text: str) -> None:
    """Replace the file; raises `PhotoSetError` and leaves it as it was when that fails."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise PhotoSetError(f"{path} cannot be written: {error.strerror}") from error


def _plain(name: str) -> str:
    """Printable: a TOML string takes no control characters or lone surrogates."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
