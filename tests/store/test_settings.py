"""Reading the TOML file: every mistake at once, none of the secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from store.errors import SettingsError
from store.settings import HqSection, StoreSection, Terminal, load_settings

GOOD = """
[terminal]
site = "plant-1"
name = "gate-a"
zone = "Europe/Berlin"
[store]
directory = "data"
keys = "/etc/kiosk/keys"
[hq]
public_key = "../hq.pub"
"""


class Extra(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int = Field(1, ge=1, le=65535)
    password: str = ""
    phrase: SecretStr = SecretStr("")
    folders: list[Path] = []
    maybe: Path | None = None
    device: int | str = 0

    @model_validator(mode="after")
    def _there(self) -> Extra:
        if self.maybe is not None and not self.maybe.is_absolute():
            raise ValueError("maybe: validators see the path as it will be used")
        return self


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    terminal: Terminal
    store: StoreSection
    hq: HqSection
    extra: Extra = Extra()
    mqtt: dict[str, object] = {}


def mistakes(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, Settings)
    assert str(path) in str(caught.value)
    return caught.value.mistakes


def test_a_good_file_is_read_and_its_paths_lie_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(
        GOOD + '[extra]\nfolders = ["a", "/b"]\nmaybe = "c"\ndevice = "video0"\n[mqtt]\nca = "x"\n'
    )
    settings = load_settings(path, Settings)
    assert settings.terminal.site == "plant-1"
    assert settings.store.directory == tmp_path / "data"
    assert settings.store.keys == Path("/etc/kiosk/keys")
    assert settings.hq.public_key == tmp_path / "../hq.pub"
    assert settings.extra.folders == [tmp_path / "a", Path("/b")]
    assert settings.extra.maybe == tmp_path / "c"
    assert settings.extra.device == "video0"
    assert settings.mqtt == {"ca": "x"}


def test_all_mistakes_are_told_in_one_go(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """
        [terminal]
        site = "Plant 1"
        name = "gate-a"
        zone = "Europe/Berlim"
        [store]
        directory = 7
        kesy = "x"
        [extra]
        port = 70000
        """,
    )
    text = "\n".join(found)
    assert "terminal.site = 'Plant 1'" in text
    assert "terminal.zone = 'Europe/Berlim': not an IANA time zone name" in text
    assert "store.directory = 7" in text
    assert "store.kesy is no known key; did you mean keys?" in text
    assert "store.keys is missing" in text
    assert "hq is missing: a table with public_key" in text
    assert "extra.port = 70000: should be less than or equal to 65535" in text
    assert len(found) == 7


@pytest.mark.parametrize("key", ["password", "phrase"])
def test_secrets_are_not_shown(tmp_path: Path, key: str) -> None:
    (line,) = mistakes(tmp_path, GOOD + f"[extra]\n{key} = 12345\n")
    assert line.startswith(f"extra.{key} = (secret):")
    assert "12345" not in line


def test_an_unknown_key_without_a_neighbour_names_the_known_ones(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, GOOD + "zzz = 1\n")
    assert line == "hq.zzz is no known key; known are public_key"


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, GOOD.replace("gate-a", "x" * 10_000))
    assert len(line) < 300


@pytest.mark.parametrize("zone", ["", "/etc/passwd", "../Berlin", "Mars/Base", "\\u0000"])
def test_odd_zones_are_refused(tmp_path: Path, zone: str) -> None:
    (line,) = mistakes(tmp_path, GOOD.replace("Europe/Berlin", zone))
    assert line.endswith("not an IANA time zone name such as Europe/Berlin")


@pytest.mark.parametrize("name", ["", "-a", "A", "a.b", "a/b", "+", "#", "a\\n", "a" * 64])
def test_a_name_that_is_no_label_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = mistakes(tmp_path, GOOD.replace("gate-a", name))
    assert line.startswith("terminal.name = ")


@pytest.mark.parametrize("text", ["[terminal", "a = 1\na = 2", "\x00"])
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("it is not TOML")


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b'a = "\xff"')
    with pytest.raises(SettingsError, match="it is not TOML"):
        load_settings(path, Settings)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.toml", Settings)


def test_a_section_of_the_wrong_shape_is_told(tmp_path: Path) -> None:
    found = mistakes(tmp_path, 'terminal = "x"\nstore = []\nhq = 1\n')
    assert [line.split(" ")[0].rstrip(":") for line in found] == ["terminal", "store", "hq"]
