"""A pack's licence is accepted in writing, and a pack without a calibration gets the operator's."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.calibration_file import toml_of
from kiosk.cli import cli, exit_code
from kiosk.commands import models
from kiosk.commands.recognition import open_eyes, policy_for
from kiosk.errors import PhotoSetError
from kiosk.settings import Settings, load
from recognizer import opening
from recognizer.calibration import Calibration, threshold
from recognizer.errors import LicenceError, MissingCalibrationError
from recognizer.manifest import load_manifest

SHARED = Path(__file__).resolve().parents[3] / "shared"

OWN = Calibration(
    mean=0.01, bound_sd=0.11, highest=0.3, comparisons=900, people=9, source="made for a test"
)


@pytest.fixture
def uncalibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The open pack as if nobody had measured it."""
    manifest = load_manifest()
    bare = manifest.packs["open"].model_copy(update={"calibration": None})
    without = manifest.model_copy(update={"packs": {"open": bare}})
    monkeypatch.setattr(opening, "load_manifest", lambda: without)


def settings(folder: Path, weights: Path, more: str = "") -> Settings:
    path = folder / "kiosk.toml"
    path.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "Europe/Berlin"\n'
        '[store]\ndirectory = "data"\nkeys = "keys"\n[hq]\npublic_key = "hq.pub"\n'
        f'[pad]\nmode = "off"\n[recognition]\nweights = "{weights}"\n{more}'
    )
    return load(path)


@pytest.mark.parametrize(
    "words",
    [("models", "fetch", "--to"), ("models", "calibrate", ".", "--weights"), ("evaluate", ".")],
)
def test_no_command_touches_a_limited_pack_without_its_word(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "somebody").mkdir()
    (tmp_path / "somebody" / "photo.jpg").write_bytes(b"")
    line = [str(tmp_path) if word == "." else word for word in words]
    if line[-1].startswith("--"):
        line.append(str(tmp_path / "models"))
    done = CliRunner().invoke(cli, [*line, "--pack", "insightface-sc"])
    assert isinstance(done.exception, LicenceError)
    assert exit_code(done.exception) == 6
    for part in ("InsightFace", "non-commercial", "--accept-licence insightface-non-commercial"):
        assert part in str(done.exception)
    assert not (tmp_path / "models").exists()


def test_the_word_opens_the_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED / "models").is_dir():
        pytest.skip("needs ../shared/models, which this machine does not have")
    manifest = load_manifest()
    offline = {n: f.model_copy(update={"sources": ()}) for n, f in manifest.files.items()}
    manifest = manifest.model_copy(update={"files": offline})
    monkeypatch.setattr(models, "load_manifest", lambda: manifest)
    line = ["models", "fetch", "--pack", "insightface-sc", "--to", str(tmp_path / "models")]
    line += ["--accept-licence", "insightface-non-commercial", "--mirror", str(SHARED / "models")]
    CliRunner().invoke(cli, line)
    # The embedder cannot be had everywhere, so only what the mirror has is looked for.
    assert (tmp_path / "models" / "det_500m.onnx").is_file()


@pytest.mark.usefixtures("uncalibrated")
def test_a_pack_that_nobody_calibrated_does_not_start(weights_dir: Path, tmp_path: Path) -> None:
    chosen = settings(tmp_path, weights_dir)
    eyes = open_eyes(chosen)
    with pytest.raises(MissingCalibrationError, match="models calibrate DIR --pack open"):
        policy_for(chosen, eyes)


@pytest.mark.usefixtures("uncalibrated")
def test_the_operators_calibration_gives_the_threshold(weights_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(toml_of(OWN, "open"))
    chosen = settings(tmp_path, weights_dir, 'calibration = "own.toml"\n')
    policy = policy_for(chosen, open_eyes(chosen))
    assert policy(200).threshold == threshold(200, chosen.recognition.fpir, OWN)


@pytest.mark.parametrize("text", [None, "[packs", "packs = 3", toml_of(OWN, "other"), "\udcff"])
def test_a_calibration_that_is_none_is_told_with_the_command(
    text: str | None, weights_dir: Path, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "own.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    chosen = settings(tmp_path, weights_dir, 'calibration = "own.toml"\n')
    with pytest.raises(PhotoSetError, match=r"own\.toml.*kiosk models calibrate DIR --pack open"):
        open_eyes(chosen)
