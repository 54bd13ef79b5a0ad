"""A tuning is kept, taken up, and passed over as soon as it does not hold."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kiosk import tuning as module
from kiosk.cli import cli
from kiosk.commands import tune
from kiosk.commands.recognition import open_eyes, recognizer_settings
from kiosk.settings import RecognitionSection, Settings, load
from kiosk.tuner import Tuned
from kiosk.tuning import NAME, Grounds, Tuning, grounds, read_tuning, write_tuning
from recognizer.derived import Kind
from recognizer.session import PLAIN, Provider, SessionSettings, version
from store.errors import SettingsError, StorageError
from tests.kiosk.made import settings_file, terminal

FAST = SessionSettings(threads=2, arena=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path)


def tuned(settings: Settings) -> Tuning:
    return Tuning(
        threads=FAST.threads,
        arena=FAST.arena,
        provider=FAST.provider,
        opencv_threads=1,
        kinds={"embedder": "graph", "pad": "int8"},
        grounds=grounds(settings),
    )


@given(
    st.integers(1, 64),
    st.booleans(),
    st.sampled_from(["CPUExecutionProvider", "XnnpackExecutionProvider"]),
    st.dictionaries(
        st.sampled_from(["embedder", "pad", "confirm"]),
        st.sampled_from(["original", "graph", "fp16", "int8"]),
    ),
    st.text(st.characters(codec="utf-8"), max_size=40),
)
def test_what_is_written_is_read(
    threads: int,
    arena: bool,
    provider: Provider,
    kinds: dict[object, Kind],
    machine: str,
) -> None:
    ground = Grounds(
        machine=machine, cores=4, onnxruntime="1", opencv="5", networks={"a b.onnx": "0" * 64}
    )
    tuning = Tuning.model_validate(
        {
            "threads": threads,
            "arena": arena,
            "provider": provider,
            "opencv_threads": threads,
            "kinds": kinds,
            "grounds": ground,
        }
    )
    assert Tuning.model_validate(tomllib.loads(module._toml(tuning))) == tuning


def test_a_tuning_that_holds_decides_how_networks_are_opened(settings: Settings) -> None:
    assert recognizer_settings(settings).session == PLAIN
    write_tuning(settings.store.directory, tuned(settings))
    given = recognizer_settings(settings)
    assert given.session == FAST
    assert given.derived.kinds == {"embedder": "graph", "pad": "int8"}
    assert given.derived.own_embedder is None
    assert given.remarks == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("machine", "Raspberry Pi 3"),
        ("cores", 99),
        ("onnxruntime", "1.31.0"),
        ("opencv", "4.9.0"),
        ("networks", {"mobilefacenet_arcface_192.onnx": "0" * 64}),
    ],
)
def test_a_tuning_for_something_else_is_passed_over_with_one_remark(
    name: str, value: object, settings: Settings
) -> None:
    right = tuned(settings)
    other = right.grounds.model_copy(update={name: value})
    write_tuning(settings.store.directory, right.model_copy(update={"grounds": other}))
    given = recognizer_settings(settings)
    assert given.session == PLAIN
    assert given.derived.kinds == {}
    assert given.remarks == (f"{NAME} is passed over, {name} changed: run `kiosk tune`",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("threads = 2", "threads = 100000"),
        ("threads = 2", "threads = 2\nsurprise = 1"),
        ('"CPUExecutionProvider"', '"AzureExecutionProvider"'),
        ('"int8"', '"../../elsewhere.onnx"'),
        ("threads = 2", "threads = ["),
        ('"pad"', '"detector"'),
    ],
)
def test_whoever_may_write_there_can_choose_nothing_else(
    before: str, after: str, settings: Settings
) -> None:
    path = write_tuning(settings.store.directory, tuned(settings))
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    given = recognizer_settings(settings)
    assert (given.session, given.derived.kinds) == (PLAIN, {})
    assert given.remarks == (f"{NAME} is passed over, it is no tuning: run `kiosk tune`",)


def test_a_tuning_that_cannot_be_read_or_written_is_said(settings: Settings) -> None:
    (settings.store.directory / NAME).mkdir()
    found = read_tuning(settings)
    assert found.tuning is None
    assert found.why_not is not None
    assert "cannot be read" in found.why_not
    with pytest.raises(StorageError):
        write_tuning(settings.store.directory, tuned(settings))


@pytest.fixture
def opencv_threads() -> Iterator[int]:
    before = cv2.getNumThreads()
    yield before
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("opencv_threads")
def test_the_terminal_opens_as_tuned_and_says_what_it_passed_over(
    settings: Settings, weights_dir: Path
) -> None:
    part = settings.recognition.model_copy(update={"weights": weights_dir})
    settings = settings.model_copy(update={"recognition": part})
    write_tuning(settings.store.directory, tuned(settings))
    eyes = open_eyes(settings, camera=False)
    assert cv2.getNumThreads() == 1
    options = eyes._parts.embedder._session._session.get_session_options()
    assert (options.intra_op_num_threads, options.enable_cpu_mem_arena) == (2, False)
    (settings.store.directory / NAME).write_text("threads = 1")
    remark = f"{NAME} is passed over, it is no tuning: run `kiosk tune`"
    assert open_eyes(settings, camera=False).notes[0] == remark


def test_another_embedder_needs_the_folder_it_is_in(settings: Settings, tmp_path: Path) -> None:
    config = settings_file(tmp_path)
    config.write_text(config.read_text() + '[recognition]\nembedder = "int8"\n')
    with pytest.raises(SettingsError, match="needs derived"):
        load(config)
    part = RecognitionSection(embedder="int8", derived=tmp_path)
    changed = settings.model_copy(update={"recognition": part})
    assert recognizer_settings(changed).derived.own_embedder == "int8"


@pytest.mark.parametrize("dry", [True, False])
def test_the_command_keeps_what_it_found_unless_it_is_a_dry_run(
    dry: bool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Tuned(FAST, {"pad": "graph"}, 1, ())
    monkeypatch.setattr(tune, "Tuner", lambda *_: type("T", (), {"run": lambda *_: found})())
    words = ["tune", "--config", str(settings_file(tmp_path)), "--json"]
    done = CliRunner().invoke(cli, [*words, "--dry-run"] if dry else words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["kept"] is not dry
    assert said["tuning"]["threads"] == 2
    assert said["tuning"]["grounds"]["onnxruntime"] == version()
    kept = read_tuning(settings).tuning
    assert (kept is None) == dry
    assert kept is None or kept.session() == FAST
