"""`kiosk pad evaluate`, with the real networks on real attacks and rendered ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kiosk.cli import cli
from kiosk.commands.pad import print_summary
from kiosk.errors import PhotoSetError


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, ["pad", "evaluate", *(str(word) for word in words)])


def evaluated(*words: object) -> dict[str, Any]:
    result = invoke(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


@pytest.fixture
def real(tmp_path: Path, shared_faces: Path) -> Path:
    """The real capture and the real attacks, sorted as the command wants them."""
    for name, folder in (("T1", "live"), ("F1", "attack"), ("F2", "attack")):
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(shared_faces / "pad" / f"image_{name}.jpg", tmp_path / folder)
    return tmp_path


@pytest.fixture
def weights(weights_dir: Path, shared_faces: Path) -> Path:
    """With the PAD networks, which only the mirror has."""
    return weights_dir


def test_real_attacks_and_a_real_person_are_told_apart_by_the_terminals_rule(
    real: Path, weights: Path
) -> None:
    found = evaluated(real, "--weights", weights)
    assert (found["bona_fide"], found["attacks"], found["synthetic"]) == (1, 2, False)
    assert found["pai_species"] == ["attack"]
    for check in ("network", "fused"):
        (attack,) = found["checks"][check]["attacks"]
        (live,) = found["checks"][check]["bona_fide"]
        assert (attack["apcer"], attack["apnrr"], attack["presentations"]) == (0.0, 0.0, 2)
        assert (live["bpcer"], live["bpnrr"]) == (0.0, 0.0)
        assert attack["apcer_interval_95"] == pytest.approx([0.0, 0.8419], abs=1e-4)
    # A picture held still does not move: alone, the motion check lets everything pass.
    assert found["checks"]["motion"]["highest_apcer"] == 1.0
    assert found["misclassified"] == []


def test_frames_in_a_folder_are_one_presentation_and_no_face_is_no_response(
    real: Path, weights: Path
) -> None:
    blank = np.full((200, 200, 3), 127, dtype=np.uint8)
    (real / "attack" / "film").mkdir()
    for i in range(3):
        cv2.imwrite(str(real / "attack" / "film" / f"{i}.png"), blank)
    (real / "attack" / "broken.jpg").write_bytes(b"no picture")
    found = evaluated(real, "--weights", weights)
    (attack,) = found["checks"]["fused"]["attacks"]
    assert (attack["presentations"], attack["responses"], attack["apnrr"]) == (4, 2, 0.5)
    assert found["failed_pictures"] == [{"picture": "broken.jpg", "reason": "unreadable"}]


def test_attacks_are_rendered_only_when_asked_and_labelled_synthetic_everywhere(
    tmp_path: Path,
    photos: dict[str, Path],
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "person").mkdir()
    shutil.copy(photos["astronaut"], tmp_path / "person")
    refused = invoke(tmp_path, "--weights", weights)
    assert isinstance(refused.exception, PhotoSetError)
    assert "--synthetic" in str(refused.exception)
    report = tmp_path / "pad.html"
    found = evaluated(tmp_path, "--weights", weights, "--synthetic", "--report", report)
    assert (found["bona_fide"], found["attacks"], found["synthetic_presentations"]) == (1, 3, 4)
    rows = found["checks"]["fused"]["attacks"]
    assert {(row["species"], row["synthetic"]) for row in rows} == {
        ("cut_print", True),
        ("print", True),
        ("screen", True),
    }
    assert found["synthetic"] is True
    assert {row["mover"] for row in found["simulated_motion"]} >= {"head, turning 30 degrees"}
    print_summary(found)
    for shown in (capsys.readouterr().out, report.read_text()):
        assert "SYNTHETIC: presentations marked synthetic were rendered" in shown
        for word in ("cut_print", "screen", "synthetic", "head, turning 30 degrees"):
            assert word in shown


def test_a_folder_without_attacks_says_what_it_lacks(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "live").mkdir()
    refused = invoke(tmp_path, "--weights", weights)
    assert isinstance(refused.exception, PhotoSetError)
    assert "live/" in str(refused.exception)
