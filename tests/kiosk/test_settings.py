"""The settings file: every mistake named, with its key, its value and what is allowed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from kiosk.commands import recognition
from kiosk.settings import PadSection, QualitySection, load
from recognizer.opening import RecognizerSettings
from recognizer.quality import QualitySettings
from store.errors import SettingsError

GOOD = """\
[terminal]
site = "plant-1"
name = "gate-a"
zone = "Europe/Berlin"
[store]
directory = "data"
keys = "keys"
[hq]
public_key = "hq.pub"
[mqtt]
host = "broker.example"
"""


def settings(folder: Path, text: str) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(text)
    return path


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    loaded = load(settings(tmp_path, GOOD))
    assert loaded.pad.mode == "on"
    assert loaded.store.directory == tmp_path / "data"


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("Europe/Berlin", "Europe/Berln") + (
        '[pad]\nmode = "perhaps"\n[camera]\nfsp = 20\n[recognition]\nfpir = 3\n'
    )
    with pytest.raises(SettingsError) as error:
        load(settings(tmp_path, text))
    said = str(error.value)
    for part in ("terminal.zone", "Berln", "pad.mode", "perhaps", "camera.fsp", "fps", "fpir"):
        assert part in said


def test_a_camera_file_that_is_missing_is_named(tmp_path: Path) -> None:
    text = GOOD + '[camera]\nsource = "video"\npath = "door.avi"\n'
    with pytest.raises(SettingsError, match=r"door\.avi"):
        load(settings(tmp_path, text))


def test_a_camera_file_of_a_name_that_no_disk_takes_is_named(tmp_path: Path) -> None:
    text = GOOD + f'[camera]\nsource = "video"\npath = "{"9" * 5000}"\n'
    with pytest.raises(SettingsError, match="File name too long"):
        load(settings(tmp_path, text))


def test_a_pin_used_twice_is_named(tmp_path: Path) -> None:
    text = GOOD + "[indicators]\ngreen = 17\nred = 17\n"
    with pytest.raises(SettingsError, match="twice"):
        load(settings(tmp_path, text))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_motion_has_no_vote_where_pad_is_off() -> None:
    with pytest.raises(ValueError, match="needs mode"):
        PadSection(mode="off", motion="advise")
    assert (PadSection().motion, PadSection().challenge) == ("off", "never")


def test_every_threshold_of_quality_is_a_setting_that_reaches_the_recogniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {field.name for field in fields(QualitySettings)} - {"min_face_px"}
    assert names == set(QualitySection.model_fields)
    opened: list[RecognizerSettings] = []
    monkeypatch.setattr(recognition, "open_recognizer", lambda _, given: opened.append(given))
    recognition.open_eyes(load(settings(tmp_path, GOOD)))
    changed = {name: getattr(QualitySettings(), name) * 1.1 for name in names}
    lines = "".join(f"{name} = {value}\n" for name, value in changed.items())
    recognition.open_eyes(load(settings(tmp_path, f"{GOOD}[quality]\n{lines}")))
    assert opened[0].quality == QualitySettings()
    assert opened[1].quality == QualitySettings(**changed)


@pytest.mark.parametrize("name", QualitySection.model_fields)
def test_a_quality_threshold_out_of_range_is_named(tmp_path: Path, name: str) -> None:
    for value in ("0", "1e6", "nan", '"x"'):
        with pytest.raises(SettingsError, match=f"quality.{name}"):
            load(settings(tmp_path, f"{GOOD}[quality]\n{name} = {value}\n"))
