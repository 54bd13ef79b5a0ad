"""`kiosk evaluate` and `kiosk models calibrate` with the real networks, on good and bad photos."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from kiosk.calibration_file import read as read_calibration
from kiosk.cli import cli
from kiosk.errors import PhotoSetError
from kiosk.photo_sets import read_set
from recognizer.calibration import Calibration, CalibrationError
from recognizer.manifest import load_manifest
from recognizer.pipeline import RecognizerSettings, open_recognizer

Image = NDArray[np.uint8]


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=True)


def evaluated(*words: object) -> dict[str, Any]:
    """What `--json` printed: exactly one object."""
    result = invoke("evaluate", *words, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


@pytest.fixture(scope="module")
def heads(weights_dir: Path, photos: dict[str, Path]) -> list[Image]:
    """Six people: a head each, cut out of the packaged photos; a seventh is turned too far."""
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    cut = []
    for photo in (read(photos["astronaut"]), read(photos["t1"])):
        for found in eyes.embed_photo(photo):
            if found.embedding is None:
                continue
            x, y, w, h = found.face.box
            top, left = max(0, int(y - 0.4 * h)), max(0, int(x - 0.4 * w))
            cut.append(photo[top : int(y + 1.4 * h), left : int(x + 1.4 * w)].copy())
    assert len(cut) == 6
    return cut


@pytest.fixture
def folder(heads: list[Image], tmp_path: Path) -> Path:
    """A folder a person: the head, its mirror image, a darker, a smaller, a brighter one."""
    root = tmp_path / "people"
    for number, head in enumerate(heads):
        person = root / f"person_{number}"
        person.mkdir(parents=True)
        darker = cv2.convertScaleAbs(head, alpha=0.8)
        brighter = cv2.convertScaleAbs(head, alpha=1.1)
        smaller = cv2.resize(head, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
        made = (head, mirrored(head), darker, smaller, brighter)
        for i, image in enumerate(made, start=1):
            cv2.imwrite(str(person / f"person_{number}_{i:04d}.jpg"), np.asarray(image))
    return root


def test_five_people_named_john_are_told_apart(shared_faces: Path, weights_dir: Path) -> None:
    johns = shared_faces / "identification" / "johns"
    found = evaluated(johns, "--weights", weights_dir)
    assert (found["photos"], found["people"]) == (55, 5)
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (275, 1210)
    assert (found["best_accuracy"], found["failure_to_enrol"]) == (1.0, 0.0)
    assert (found["fnmr"], found["fmr"]) == (0.0, 0.0)


def test_a_folder_a_person(folder: Path, weights_dir: Path) -> None:
    found = evaluated(folder, "--weights", weights_dir)
    assert (found["photos"], found["people"]) == (30, 6)
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (6 * 10, 30 * 29 // 2 - 6 * 10)
    assert (found["best_accuracy"], found["fnmr"], found["fmr"]) == (1.0, 0.0, 0.0)
    assert (found["failure_to_enrol"], found["failures"]) == (0.0, {})
    assert found["fnmr_at_fmr"][0]["fnmr"] == 0.0
    assert found["fnmr_at_fmr"][1]["why_not"].startswith("needs 3000")
    assert found["worst_genuine"][0]["a"].startswith("person_")


def test_lfw_pairs_are_read_as_they_are(folder: Path, weights_dir: Path) -> None:
    lines = ["1\t2", "person_0\t1\t2", "person_1\t1\t3"]
    lines += ["person_0\t1\tperson_1\t1", "person_2\t2\tperson_3\t4", "person_2\t2\tperson_3\t9"]
    pairs = folder / "pairs.txt"
    pairs.write_text("\n".join(lines) + "\n")
    found = evaluated(pairs, "--weights", weights_dir)
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (2, 2)
    assert (found["best_accuracy"], found["fnmr"], found["fmr"]) == (1.0, 0.0, 0.0)
    assert (found["photos"], found["people"], found["pairs_left_out"]) == (7, 4, 1)
    assert found["failures"] == {"missing": 1}


def test_pairs_from_a_csv_and_pictures_elsewhere(
    folder: Path, weights_dir: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.csv"
    one, other = "person_0/person_0_0001.jpg", "person_1/person_1_0001.jpg"
    pairs.write_text(f"same,a,b\n1,{one},person_0/person_0_0002.jpg\n0,{one},{other}\n")
    found = evaluated(pairs, "--images", folder, "--weights", weights_dir)
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (1, 1)
    assert (found["photos"], found["people"], found["best_accuracy"]) == (3, 2, 1.0)


def exif_turned(image: Image) -> bytes:
    """A JPEG of the picture lying on its side, whose EXIF says how to turn it back."""
    lying = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
    jpeg = bytes(cv2.imencode(".jpg", lying)[1])
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def test_odd_pictures_are_used(heads: list[Image], weights_dir: Path, tmp_path: Path) -> None:
    person = tmp_path / "set" / "one"
    person.mkdir(parents=True)
    head = heads[0]
    cv2.imwrite(str(person / "plain.png"), head)
    cv2.imwrite(str(person / "grey.png"), cv2.cvtColor(head, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(person / "deep.png"), head.astype(np.uint16) * 257)
    cv2.imwrite(str(person / "alpha.png"), cv2.cvtColor(head, cv2.COLOR_BGR2BGRA))
    (person / "turned.jpg").write_bytes(exif_turned(head))
    large = cv2.copyMakeBorder(
        cv2.resize(head, (4000, 4000 * head.shape[0] // head.shape[1])),
        *(1200, 1200, 2500, 2500),
        cv2.BORDER_REPLICATE,
    )
    assert large.shape[0] * large.shape[1] > 50e6
    cv2.imwrite(str(person / "large.jpg"), large)
    found = evaluated(tmp_path / "set", "--weights", weights_dir)
    assert found["failures"] == {}
    assert found["genuine_pairs"] == 15
    assert (found["fnmr"], found["fmr"], found["best_accuracy"]) == (0.0, None, None)
    assert found["worst_genuine"][0]["score"] > 0.7


def test_photos_that_cannot_be_used_are_counted_with_their_reason(
    heads: list[Image], photos: dict[str, Path], weights_dir: Path, tmp_path: Path
) -> None:
    person = tmp_path / "set" / "one"
    person.mkdir(parents=True)
    (tmp_path / "set" / "nobody").mkdir()
    (tmp_path / "set" / "nobody" / "empty.jpg").write_bytes(b"")
    cv2.imwrite(str(person / "good.png"), heads[0])
    (person / "cut.jpg").write_bytes(photos["t1"].read_bytes()[:200])
    (person / "noise.jpg").write_bytes(np.random.default_rng(1).bytes(5000))
    cv2.imwrite(str(person / "dot.png"), np.zeros((1, 1, 3), dtype=np.uint8))
    cv2.imwrite(str(person / "line.png"), np.zeros((1, 3000, 3), dtype=np.uint8))
    cv2.imwrite(str(person / "wall.png"), np.full((300, 300, 3), 127, dtype=np.uint8))
    cv2.imwrite(str(person / "blurred.png"), cv2.GaussianBlur(heads[0], (0, 0), 8))
    (person / "folder.jpg").mkdir()
    (person / "notes.txt").write_text("no picture")
    found = evaluated(tmp_path / "set", "--weights", weights_dir)
    assert (found["photos"], found["people"], found["failure_to_enrol"]) == (9, 2, 0.5)
    assert found["failure_to_acquire"] == pytest.approx(8 / 9)
    assert sum(found["failures"].values()) == len(found["failed_photos"]) == 8
    reasons = {row["photo"]: row["reason"] for row in found["failed_photos"]}
    assert reasons["one/cut.jpg"] == reasons["one/noise.jpg"] == "unreadable"
    assert reasons["nobody/empty.jpg"] == "unreadable"
    assert reasons["one/dot.png"] == reasons["one/line.png"] == reasons["one/wall.png"] == "no_face"
    assert reasons["one/blurred.png"] in ("blurred", "no_face")
    assert reasons["one/folder.jpg"] == "missing"
    assert (found["genuine_pairs"], found["best_accuracy"], found["fnmr"]) == (0, None, None)


def test_the_text_is_a_table_and_the_report_stands_alone(
    folder: Path, weights_dir: Path, tmp_path: Path
) -> None:
    (folder / "person_0" / "<b>.jpg").write_bytes(b"no picture")
    report = tmp_path / "report.html"
    result = invoke("evaluate", folder, "--weights", weights_dir, "--report", report)
    assert result.exit_code == 0, result.output
    assert "best accuracy" in result.stdout
    assert "100.000%" in result.stdout
    assert "not used: person_0/<b>.jpg: unreadable" in result.stderr
    html = report.read_text(encoding="utf-8")
    assert html.count("<svg") == 2
    assert "&lt;b&gt;.jpg" in html
    assert not any(word in html for word in ("<b>", "http", "src=", "nan"))


def test_a_report_without_pairs(heads: list[Image], weights_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "one").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "set" / "one" / "good.png"), heads[0])
    report = tmp_path / "report.html"
    done = invoke("evaluate", tmp_path / "set", "--weights", weights_dir, "--report", report)
    assert done.exit_code == 0, done.output
    assert "No comparison" in report.read_text(encoding="utf-8")
    nowhere = tmp_path / "none" / "report.html"
    done = invoke("evaluate", tmp_path / "set", "--weights", weights_dir, "--report", nowhere)
    assert isinstance(done.exception, PhotoSetError)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pairs.txt", b"10 300\nAnn 1\n", "line 2"),
        ("pairs.txt", b"Ann one 2\n", "line 1"),
        ("pairs.txt", b"10 300\n", "no pair"),
        ("pairs.csv", b"a,b\nx.jpg,y.jpg\n", "columns a,b,same"),
        ("pairs.csv", b"a,b,same\nx.jpg,y.jpg,perhaps\n", "line 2"),
        ("pairs.csv", b"a,b,same\nx.jpg\n", "line 2"),
        ("face.jpg", b"\xff\xd8\xff\xe0", "neither a folder nor text"),
    ],
)
def test_a_set_that_makes_no_sense_is_one_error(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PhotoSetError, match=message):
        read_set(tmp_path / name)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoSetError, match="a folder a person"):
        read_set(tmp_path)


def test_the_people_of_a_csv_are_those_that_its_pairs_tie_together(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b,same\n1,2,yes\n3,2,yes\n4,5,true\n1,4,no\n6,1,0\n")
    assert read_set(pairs).people == 3


def test_a_calibration_is_written_with_what_it_rests_on(
    folder: Path, weights_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.toml"
    words = ("models", "calibrate", folder, "--weights", weights_dir)
    done = invoke(*words, "--out", out)
    assert done.exit_code == 0, done.output
    assert "375 comparisons of 6 people" in done.stderr
    assert "below an FMR of 8.0e-03 thresholds extrapolate" in done.stderr
    (held,) = tomllib.loads(out.read_text())["packs"].values()
    fitted = Calibration.model_validate(held["calibration"])
    assert (fitted.comparisons, fitted.people) == (375, 6)
    released = load_manifest().pack("open").calibration
    assert released is not None
    assert abs(fitted.mean - released.mean) < 0.1
    assert read_calibration(out, "open") == fitted
    with pytest.raises(PhotoSetError, match="no calibration of the pack insightface-sc"):
        read_calibration(out, "insightface-sc")
    printed = invoke(*words)
    assert printed.stdout == out.read_text()
    told = json.loads(invoke(*words, "--json").stdout)
    assert told["finest_fmr"] == pytest.approx(3 / 375)


def test_too_few_faces_make_no_calibration(
    heads: list[Image], weights_dir: Path, tmp_path: Path
) -> None:
    for number, head in enumerate(heads[:2]):
        (tmp_path / "set" / str(number)).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / str(number) / "a.png"), head)
    done = invoke("models", "calibrate", tmp_path / "set", "--weights", weights_dir)
    assert isinstance(done.exception, CalibrationError)
