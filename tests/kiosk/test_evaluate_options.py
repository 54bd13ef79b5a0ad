"""`kiosk evaluate` by group, with several packs, with degraded photos, and what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kiosk.cli import cli
from kiosk.errors import PhotoSetError
from kiosk.group_file import read_groups
from kiosk.photo_sets import Photo
from kiosk.stage_times import StageTimes
from recognizer.errors import LicenceError, UnknownPackError
from recognizer.manifest import Manifest, load_manifest
from recognizer.pipeline import RecognizerSettings, open_recognizer

PHOTOS = tuple(Photo(Path(f"{p}/{i}.jpg"), f"{p}/{i}.jpg", p) for p in ("ann", "bo") for i in "12")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *[str(word) for word in words]])


@pytest.fixture(scope="module")
def folder(
    weights_dir: Path, photos: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two people, two photos each, and a groups.csv."""
    root = tmp_path_factory.mktemp("people")
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    for name, photo in (("ann", photos["astronaut"]), ("bo", photos["t1"])):
        image = np.asarray(cv2.imread(str(photo)), dtype=np.uint8)
        x, y, w, h = next(f.face.box for f in eyes.embed_photo(image) if f.embedding is not None)
        head = image[max(0, int(y - h / 2)) : int(y + 1.5 * h), max(0, int(x - w / 2)) :]
        head = head[:, : int(2 * w)]
        (root / name).mkdir()
        cv2.imwrite(str(root / name / "1.png"), head)
        cv2.imwrite(str(root / name / "2.png"), head[:, ::-1])
    (root / "groups.csv").write_text("person,floor\nann,one\nbo,two\n")
    return root


@pytest.fixture
def second_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack "second" of the same files, and "gated" whose licence has to be accepted."""
    manifest = load_manifest()
    same = manifest.packs["open"]
    gated = same.model_copy(update={"non_commercial": True, "acceptance": "yes-research-only"})
    packs = manifest.packs | {"second": same, "gated": gated}
    more: Manifest = manifest.model_copy(update={"packs": packs})
    for module in ("recognizer.opening", "kiosk.commands.pack_run"):
        monkeypatch.setattr(f"{module}.load_manifest", lambda: more)


def test_packs_are_compared_side_by_side(
    folder: Path, weights_dir: Path, second_pack: None, tmp_path: Path
) -> None:
    report, charts = tmp_path / "report.html", tmp_path / "charts"
    words = (folder, "--weights", weights_dir, "--packs", "gated,open,second", "--json")
    done = invoke(*words, "--report", report, "--charts", charts)
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    assert [pack["pack"] for pack in found["packs"]] == ["gated", "open", "second"]
    assert "yes-research-only" in found["packs"][0]["error"]
    assert found["pack"] == "open"
    assert found["packs"][1]["fnmr"] == found["packs"][2]["fnmr"] == found["fnmr"] == 0.0
    (by_floor,) = found["groups"]
    assert [row["fnmr_trials"] for row in by_floor["groups"]] == [1, 1]
    assert by_floor["fmr_differential"]["why_not"] == "needs two groups that have comparisons"
    assert found["open_set"]["splits"] == 10
    assert found["open_set"]["fnir_at_fpir"][0]["why_not"].startswith("needs non-mated searches")
    assert {row["photos"] for row in found["latency"]["stages"]} == {4}
    assert found["latency"]["network_threads"] == 1
    html = report.read_text(encoding="utf-8")
    assert "Packs side by side" in html
    assert "By floor" in html
    assert not any(word in html for word in ("http", "src=", "<img", "nan"))
    for name in ("det.svg", "scores.svg"):
        assert ElementTree.parse(charts / name).getroot().tag.endswith("svg")  # noqa: S314


def test_a_licence_is_accepted_by_its_word(
    folder: Path, weights_dir: Path, second_pack: None
) -> None:
    words = (folder, "--weights", weights_dir, "--packs", "gated")
    assert isinstance(invoke(*words).exception, LicenceError)
    done = invoke(*words, "--accept-licence", "yes-research-only")
    assert done.exit_code == 0, done.output
    assert "pack gated" in done.stdout
    assert isinstance(invoke(*words, "--packs", "nonesuch").exception, UnknownPackError)


def test_robustness_is_measured_at_five_strengths(
    folder: Path, weights_dir: Path, tmp_path: Path
) -> None:
    report, people = tmp_path / "report.html", tmp_path / "people"
    shutil.copytree(folder, people)
    (people / "bo" / "2.png").unlink()  # who has one photo has nothing to be compared with
    words = ("--weights", weights_dir, "--robustness", "--robustness-photos", 1)
    done = invoke(people, *words, "--json", "--report", report)
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.stdout)["robustness"]
    rows = found["rows"]
    assert found["probes"] == 1
    assert (rows[0]["degradation"], rows[0]["false_rejection"]) == ("none", 0.0)
    levels: dict[str, list[int]] = {}
    for row in rows[1:]:
        levels.setdefault(row["degradation"], []).append(row["level"])
        assert row["false_rejection_trials"] == 1
        assert row["fnmr_trials"] == 1 - row["not_acquired_events"]
    assert {"blur", "darkness", "backlight", "jpeg", "noise"} <= levels.keys()
    assert {"rotation", "scale", "mask", "glasses"} <= levels.keys()
    assert all(held == [1, 2, 3, 4, 5] for held in levels.values())
    assert "Robustness" in report.read_text(encoding="utf-8")


def test_a_pairs_file_has_no_robustness(folder: Path, weights_dir: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b,same\nann/1.png,ann/2.png,1\n")
    done = invoke(pairs, "--images", folder, "--weights", weights_dir, "--robustness")
    assert isinstance(done.exception, PhotoSetError)


def test_groups_go_by_person_or_by_photo(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("person, sex, age\nann, f,\nelse, m, 40\nbo, m, 30\n")
    assert read_groups(file, PHOTOS) == {
        "sex": ["f", "f", "m", "m"],
        "age": [None, None, "30", "30"],
    }
    file.write_text("light,photo\ndark,bo/2.jpg\n")
    assert read_groups(file, PHOTOS) == {"light": [None, None, None, "dark"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line"),
        (b"name,sex\nann,f\n", "the first line"),
        (b"person\nann\n", "the first line"),
        (b"person,photo,sex\nann,x,f\n", "the first line"),
        (b"person,sex,sex\nann,f,f\n", "the first line"),
        (b"person,sex\nann\n", "row 2"),
        (b"person,sex\nann,f\nann,m\n", "row 3: ann is there twice"),
        (b"person,sex\nzoe,f\n", "no person of this set"),
        (b"person,sex\n\xff,f\n", "no CSV"),
    ],
)
def test_a_group_file_that_makes_no_sense_is_one_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "groups.csv"
    file.write_bytes(content)
    with pytest.raises(PhotoSetError, match=message):
        read_groups(file, PHOTOS)


def test_the_time_of_a_stage_is_summed_over_the_faces_of_a_photo() -> None:
    ticks = iter([0.0, 0.010, 0.011, 0.031, 0.032, 0.052])
    times = StageTimes(lambda: next(ticks))
    with times.photo():
        for stage in ("detect", "assess", "embed", "assess", "embed"):
            times.stage_done(stage)
    spent = {row["stage"]: (row["p50_ms"], row["photos"]) for row in times.rows()}
    assert spent["detect"] == (10.0, 1)
    assert spent["align and assess quality"] == (2.0, 1)
    assert spent["embed"] == (40.0, 1)
