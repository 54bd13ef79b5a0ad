"""`kiosk doctor`: lines well and wrong, beside a daemon, mending, a bundle without people."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import tarfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from rich.console import Console

from kiosk.cli import cli
from kiosk.commands.recognition import recognizer_settings
from kiosk.doctor import bundle, mending, models, picture, report, units
from kiosk.doctor.checks import CHECKS
from kiosk.doctor.examination import Examined, examine, read_settings
from kiosk.doctor.finding import Finding, Level, exit_code, failure, not_checked, ok, warning
from kiosk.doctor.machine import Answer, Machine, run_tool
from kiosk.enrolment import Applicant, enrol
from kiosk.settings import Settings
from kiosk.stores import open_stores
from recognizer.manifest import load_manifest
from store.errors import OccupiedError
from store.records import Fault
from tests.kiosk.doctor_cases import CASES, NOW, Case, booted
from tests.kiosk.made import LIMITS, MODEL, now, samples, settings_file, terminal

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.name}, {c.level.value}")
def test_a_line_tells(case: Case, tmp_path: Path) -> None:
    found = case.find(tmp_path)
    assert found.level is case.level, found.says
    assert found.says
    if found.level in (Level.WARNING, Level.FAILURE):
        assert found.mend, "what is wrong says how it is mended"
    if found.level is Level.OK:
        assert not found.mend


def test_every_line_is_made_to_fail_and_is_seen_well() -> None:
    wrong = {case.name for case in CASES if case.level in (Level.WARNING, Level.FAILURE)}
    well = {case.name for case in CASES if case.level is Level.OK}
    assert wrong == set(CHECKS)
    assert well | {"models"} == set(CHECKS)  # the next test has the real weights


def test_where_no_role_has_a_group_every_file_that_makes_groups_is_named() -> None:
    files = {f"systemd/{path.name}" for path in (PAGE.parents[1] / "systemd").glob("*.sysusers")}
    assert files
    assert all(name in units.groups(()).mend for name in files)


def test_the_real_weights_are_those_of_the_manifest(weights_dir: Path) -> None:
    manifest = load_manifest()
    assert models.weights(weights_dir, "open", manifest, pad=True).level is Level.OK
    assert models.weights(weights_dir, "open", manifest, pad=False).level is Level.WARNING


def test_the_picture_of_nobody_is_the_documented_one() -> None:
    crop = picture.crop()
    assert crop.shape == (112, 112, 3)
    assert [int(crop[0, 0, 0]), int(crop[20, 10, 1]), int(crop[111, 111, 2])] == [
        0,
        (100 + 3 * 400 + 200 * 2 + 37) // 16 % 256,
        (111 * 111 + 3 * 111 * 111 + 111 * 111 * 3 + 74) // 16 % 256,
    ]
    for digest in load_manifest().files["mobilefacenet_arcface_192.onnx"].digests[:1]:
        vector = picture.expected(digest)
        assert vector is not None
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert picture.expected("00") is None


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([ok("a", "b")], 0),
        ([ok("a", "b"), not_checked("a", "b")], 20),
        ([ok("a", "b"), warning("a", "b", "c")], 20),
        ([warning("a", "b", "c"), failure("a", "b", "c"), ok("a", "b")], 21),
        ([], 20),
    ],
)
def test_the_exit_code_is_that_of_the_worst(found: list[Finding], code: int) -> None:
    assert exit_code(found) == code


def test_a_tool_that_is_missing_is_an_answer() -> None:
    assert run_tool(["/nowhere/systemctl"]) is None
    done = run_tool(["sh", "-c", "echo out; exit 3"])
    assert done is not None
    assert (done.code, done.out) == (3, "out\n")


def world(folder: Path, *, daemon: bool) -> Machine:
    """A machine with nothing but a process, and no tools."""
    process = folder / "root/proc/7"
    process.mkdir(parents=True)
    words = b"run" if daemon else b"doctor"
    program = b"/opt/kiosk/bin/python\0/opt/kiosk/bin/kiosk\0" + words + b"\0"
    (process / "cmdline").write_bytes(program)
    return Machine(folder / "root", lambda _: None, lambda: NOW)


def looked(folder: Path, machine: Machine, config: Path, settings: Settings) -> Examined:
    return examine(
        config, settings, machine, lambda: recognizer_settings(settings), lambda _: True, None
    )


def at_a_door(folder: Path, weights: Path, photo: Path) -> tuple[Path, Settings]:
    with open_stores(terminal(folder)):
        pass
    (folder / "pictures").mkdir()
    shutil.copy(photo, folder / "pictures")
    config = settings_file(folder)
    config.write_text(
        config.read_text() + f'[recognition]\nweights = "{weights}"\n[pad]\nmode = "off"\n'
        '[indicators]\npins = "mock"\n[camera]\nsource = "pictures"\npath = "pictures"\n'
        'pace = "every-frame"\nat_end = "repeat"\n'
    )
    settings = read_settings(config).settings
    assert settings is not None
    return config, settings


def test_all_lines_come_in_order_with_the_real_camera_path(
    tmp_path: Path, weights_dir: Path, photos: dict[str, Path]
) -> None:
    config, settings = at_a_door(tmp_path, weights_dir, photos["astronaut"])
    found = looked(tmp_path, world(tmp_path, daemon=False), config, settings).findings
    assert [one.name for one in found] == list(CHECKS)[1:]
    levels = {one.name: one.level for one in found}
    for name in (
        "camera",
        "focus",
        "exposure",
        "face at 60 cm",
        "lamps and buzzer",
        "model answer",
    ):
        assert levels[name] is Level.OK
    for name in ("dns", "units", "temperature", "power"):
        assert levels[name] is Level.NOT_CHECKED


def test_beside_the_daemon_camera_and_pins_are_left_alone(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings):
        done = looked(tmp_path, world(tmp_path, daemon=True), settings_file(tmp_path), settings)
    says = {one.name: one for one in done.findings}
    assert "in use by the daemon" in says["camera"].says
    assert says["lamps and buzzer"].level is Level.NOT_CHECKED
    assert says["database ledger"].level is Level.OK


def test_without_usable_settings_that_is_the_only_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["doctor", "--json", "--config", str(tmp_path / "none.toml")])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["exit_code"]) == (21, 21)
    assert [one["name"] for one in told["findings"]] == ["settings"]


def test_the_command_mends_looks_bundles_and_ends_with_the_code_of_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal(tmp_path)
    machine = world(tmp_path, daemon=True)
    monkeypatch.setattr("kiosk.commands.doctor.Machine", lambda: machine)
    (tmp_path / "keys" / "badges.key").unlink()
    config, out = str(settings_file(tmp_path)), str(tmp_path / "b.tar.gz")
    words = ["doctor", "--config", config, "--fix", "--json", "--assume-yes", "--bundle", out]
    done = CliRunner().invoke(cli, words)
    told = json.loads(done.stdout)
    assert told["mended"] == ["mended: made badges.key"]
    assert [one["name"] for one in told["findings"]] == list(CHECKS)
    assert done.exit_code == told["exit_code"] == 21, "there are no weights"
    assert tarfile.is_tarfile(out)
    plain = CliRunner().invoke(cli, words[:4])
    assert "failure      models" in plain.stdout
    assert isinstance(CliRunner().invoke(cli, words).exception, OccupiedError)


def test_what_is_safe_is_mended_and_told(tmp_path: Path) -> None:
    terminal(tmp_path)
    keys, data = tmp_path / "keys", tmp_path / "data"
    (keys / "badges.key").unlink()
    (keys / "gallery.key").chmod(0o444)
    (keys / "ledger.key").chmod(0o444)
    keys.chmod(0o755)
    for name in ("old", "new"):
        (keys / f".signing.key.77.{name}").touch()
    hours_ago = NOW - timedelta(hours=3)
    os.utime(keys / ".signing.key.77.old", (hours_ago.timestamp(),) * 2)
    os.utime(keys / ".signing.key.77.new", (NOW.timestamp(),) * 2)
    asked: list[Sequence[str]] = []

    def run(words: Sequence[str]) -> Answer:
        asked.append(words)
        return Answer(0, "disabled" if words[1] == "is-enabled" else "")

    booted(tmp_path / "root")
    machine = Machine(tmp_path / "root", run, lambda: NOW)
    told = mending.mend(data, keys, tmp_path / "sealed", machine)
    assert all(line.startswith("mended: ") for line in told)
    assert data.is_dir()
    assert keys.stat().st_mode & 0o777 == 0o710
    assert {(keys / f"{k}.key").stat().st_mode & 0o777 for k in ("gallery", "badges")} == {0o400}
    assert (keys / "ledger.key").stat().st_mode & 0o777 == 0o440, "kiosk-sync reads it"
    assert not (keys / ".signing.key.77.old").exists()
    assert (keys / ".signing.key.77.new").exists(), "somebody may be at work"
    assert ["systemctl", "enable", "kiosk.service"] in asked
    again = mending.mend(
        data, keys, tmp_path / "sealed", Machine(tmp_path / "no", run, lambda: NOW)
    )
    assert again == [], "nothing is left to mend"


def test_root_follows_no_link_that_the_user_kiosk_has_put_there(tmp_path: Path) -> None:
    terminal(tmp_path)
    keys, other = tmp_path / "keys", tmp_path / "other"
    other.touch(mode=0o644)
    (keys / "gallery.key").unlink()
    (keys / "gallery.key").symlink_to(other)
    [told] = mending.mend(tmp_path, keys, tmp_path, Machine(tmp_path / "no", lambda _: None))
    assert told.startswith("not mended: mode of gallery.key")
    assert other.stat().st_mode & 0o777 == 0o644


def test_a_mend_that_is_refused_is_told_and_the_next_is_tried(tmp_path: Path) -> None:
    terminal(tmp_path)
    booted(tmp_path / "root")

    def run(words: Sequence[str]) -> Answer:
        return Answer(1, "disabled", "Access denied")

    told = mending.mend(
        tmp_path, tmp_path / "keys", tmp_path, Machine(tmp_path / "root", run, lambda: NOW)
    )
    assert len(told) == 4
    assert all(line.startswith("not mended: enabled kiosk") for line in told)


def test_a_terminal_sees_columns_and_a_pipe_a_line_each() -> None:
    found = [ok("clock", "synchronised"), warning("power", "[dips]", "a supply")]
    plain, wide = io.StringIO(), io.StringIO()
    report.show(found, Console(file=plain, width=20))
    assert plain.getvalue().splitlines() == [
        "ok           clock             synchronised",
        "warning      power             [dips] | a supply",
        "1 ok, 0 not checked, 1 warning, 0 failure",
    ]
    report.show(found, Console(file=wide, force_terminal=True, width=100))
    assert "\x1b[" in wide.getvalue()
    assert "[dips]" in wide.getvalue()


PLANTED = ("4711-0815", "Erika Mustermann", "Musterstrasse 7")


def spellings(vector: NDArray[np.float32]) -> list[bytes]:
    """How a vector could have got into a file: raw, hex, base64, its numbers."""
    raw = vector.tobytes()
    return [raw, raw.hex().encode(), base64.b64encode(raw), f"{vector[0]:.5f}".encode()]


def planted(folder: Path) -> list[bytes]:
    """Put somebody everywhere into a terminal; what must not be found, keys too."""
    number, name, address = PLANTED
    settings, shots = terminal(folder), samples(1, 0, 1)
    with open_stores(settings) as stores:
        somebody = Applicant(number, name, "en", "form", None)
        enrol(stores, MODEL, somebody, shots, LIMITS, now())
        stores.ledger.append(Fault(code="too_hot", detail=f"{name}, {number}"), now())
        stored = stores.templates.vectors([e.id for e in stores.templates.entries(number)])
    config = settings_file(folder)
    config.write_text(config.read_text() + f'[notice]\nresponsible = "{name}, {address}"\n')
    texts = [file.read_bytes().strip() for file in (folder / "keys").iterdir()]
    bodies = [line for text in texts for line in text.splitlines() if b"---" not in line]
    vectors = [s.embedding for s in shots] + list(stored)
    assert len(stored) == 2
    assert len(bodies) >= 8
    return [
        *(text.encode() for text in (*PLANTED, "Mustermann", "4711", "PRIVATE KEY")),
        *bodies,
        *(spelling for vector in vectors for spelling in spellings(vector)),
    ]


def test_the_bundle_holds_nothing_of_a_person(tmp_path: Path) -> None:
    """Searched for number, name, vectors and keys that were planted in every place it looks at."""
    needles = planted(tmp_path)
    number, name, _ = PLANTED
    read = read_settings(config := tmp_path / "kiosk.toml")
    assert read.settings is not None
    root = world(tmp_path, daemon=True).root
    machine = Machine(root, lambda words: journal(words, number, name), lambda: NOW)
    done = looked(tmp_path, machine, config, read.settings)
    findings = [failure("settings", f"notice.contact = {name!r}", "x"), *done.findings]
    out = tmp_path / "bundle.tar.gz"
    bundle.write(out, findings, read.settings, done.said, machine)
    assert out.stat().st_mode & 0o777 == 0o600
    with tarfile.open(out) as archive:
        files = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        raw = {name: file.read() for name, file in files.items() if file is not None}
    whole = b"\n".join(raw.values()) + "\n".join(raw).encode()
    assert [needle for needle in needles if needle in whole] == []
    journals = json.loads(raw["kiosk-doctor/journal.json"])
    assert journals["kiosk"] == {"info punch": 2}, "counts are what support needs"
    assert json.loads(raw["kiosk-doctor/ledger.json"])["faults"] == ["too_hot"]
    assert json.loads(raw["kiosk-doctor/settings.json"])["camera"]["fps"] == 15
    with pytest.raises(OccupiedError):
        bundle.write(out, findings, read.settings, done.said, machine)


def journal(words: Sequence[str], number: str, name: str) -> Answer | None:
    """A journal into which somebody let a name and a number slip, as event, level and field."""
    if words[0] != "journalctl":
        return None
    lines = [
        {"level": "info", "event": "punch", "person": number},
        {"level": "info", "event": "punch"},
        {"level": "info", "event": name},
        {"level": name, "event": "punch"},
    ]
    return Answer(0, "\n".join([*map(json.dumps, lines), f"{name} was here", "[[[["]))


def test_the_page_has_every_line_as_the_code_has_it() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| ---")
    ]
    assert [row for row in rows if row[0] in CHECKS] == list(CHECKS.items())
    for code in ("20", "21"):
        assert f"| {code} |" in PAGE.read_text()
