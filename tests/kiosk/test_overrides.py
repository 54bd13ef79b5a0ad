"""Headquarters' settings: only what is on the list, whole, on trial, and undone by themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kiosk.orders import obey
from kiosk.overrides import WHITELIST, Overrides, digest
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import open_stores
from store.errors import SettingsError
from store.orders import ORDERS
from tests.kiosk.ordered import NOW, kinds, ordered, ordered_terminal, post, replies

WIDER = "[decision]\nmargin = 0.2\nmin_frames = 5\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return ordered_terminal(tmp_path)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('[pad]\nmode = "off"', "pad.mode is not for headquarters to set"),
        ('[store]\nkeys = "/tmp"', "store.keys is not for headquarters to set"),
        ('[hq]\npublic_key = "/tmp/other.pub"', "hq.public_key is not for headquarters to set"),
        ('[recognition]\naccept_licence = "x"', "accept_licence is not for headquarters to set"),
        ("[templates]\nadapt = true", "templates.adapt is not for headquarters to set"),
        ("margin = 0.2", "margin is not for headquarters to set"),
        ("[recognition]\nfpir = 0.1", "recognition.fpir is 1e-06 to 0.01"),
        ("[decision]\nmin_frames = 1", "decision.min_frames is 2 to 30"),
        ("[decision]\nmin_frames = 2.5", "decision.min_frames: Input should be a valid integer"),
        ("[decision]\nmargin = nan", "decision.margin is 0.02 to 1"),
        ("[decision]\nmargin = true", "decision.margin is a number"),
        ("[decision]\nmin_frames = 9", "decision"),  # more than max_frames
        ("[indicators]\ngreen = 27", "indicators"),  # amber's pin
        ('[pad]\nchallenge = "maybe"', "pad.challenge is one of never, always, low_scores"),
        ("[", "not TOML"),
        ("[[decision]]\nmargin = 1", "decision is not for headquarters to set"),
        ("[a" * 9000, "more than 16384 characters"),
    ],
)
def test_what_is_not_allowed_or_not_valid_is_refused_and_changes_nothing(
    settings: Settings, text: str, mistake: str
) -> None:
    overrides = Overrides(settings)
    station = Station(settings, overrides)
    with open_stores(settings) as stores:
        outcome, detail = ordered(stores, station, "configure", settings=text)
        if len(text) <= 16384:
            assert mistake in detail
        assert outcome == "refused"
        assert kinds(stores) == ["command_done"]
    assert not overrides.path.exists()
    assert station.restart is None
    with pytest.raises(SettingsError):
        overrides.merged(text)


def test_every_key_on_the_list_is_a_setting(settings: Settings) -> None:
    values = settings.model_dump()
    for key in WHITELIST:
        section, name = key.split(".")
        assert name in values[section], key


def test_settings_are_in_force_after_the_restart_that_they_ask_for(settings: Settings) -> None:
    overrides = Overrides(settings)
    station = Station(settings, overrides)
    with open_stores(settings) as stores:
        taken = ordered(stores, station, "configure", settings=WIDER)
        assert taken == ("done", "2 settings differ")
        assert station.restart == "configuration"
        assert kinds(stores) == ["configuration", "command_done"]
        body = stores.ledger.records(0, 1)[0].content().body
    assert body["keys"] == ["decision.margin", "decision.min_frames"]
    assert (body["before"], body["after"]) == (digest(""), digest(WIDER))
    started = Overrides(settings)
    assert started.begin() is None
    merged, invalid = started.settings()
    assert (merged.decision.margin, merged.decision.min_frames, invalid) == (0.2, 5, None)
    assert merged.decision.max_frames == settings.decision.max_frames
    started.ready()
    assert started.begin() is None  # every later start
    assert started.state.trial == "no"


def test_a_start_that_does_not_get_ready_is_undone_by_the_next(settings: Settings) -> None:
    overrides = Overrides(settings)
    overrides.put(1, "[decision]\nmargin = 0.1\n")
    assert overrides.begin() is None
    overrides.ready()
    overrides.put(2, WIDER)
    assert overrides.begin() is None
    assert overrides.settings()[0].decision.margin == 0.2  # and now this start fails
    failed = Overrides(settings).begin()
    assert failed is not None
    overrides.abandon(failed)
    assert overrides.settings()[0].decision.margin == 0.1
    assert overrides.begin() is None
    overrides.put(2, WIDER)  # the same command once more changes nothing
    assert overrides.settings()[0].decision.margin == 0.1


def test_settings_that_never_got_ready_are_nothing_to_go_back_to(settings: Settings) -> None:
    overrides = Overrides(settings)
    overrides.put(1, WIDER)
    overrides.put(2, "[decision]\nmargin = 0.3\n")
    assert overrides.state.previous == ""


def test_a_rollback_goes_back_to_the_settings_before(settings: Settings) -> None:
    overrides = Overrides(settings)
    station = Station(settings, overrides)
    with open_stores(settings) as stores:
        ordered(stores, station, "configure", 1, settings=WIDER)
        overrides.begin()
        overrides.ready()
        done = ordered(stores, station, "rollback_configuration", 2)
        assert done == ("done", "2 settings differ")
        assert overrides.state.text == ""
        body = stores.ledger.records(2, 1)[0].content().body
        assert (body["why"], body["after"]) == ("rolled back", digest(""))


def test_settings_that_a_changed_file_makes_invalid_are_passed_over_and_said(
    settings: Settings,
) -> None:
    Overrides(settings).put(1, "[decision]\nmin_frames = 7\n")
    shorter = settings.decision.model_copy(update={"max_frames": 5})
    changed = settings.model_copy(update={"decision": shorter})
    merged, invalid = Overrides(changed).settings()
    assert merged == changed
    assert invalid is not None


@pytest.mark.parametrize("raw", ["{", f'{{"number": 1, "text": {json.dumps(WIDER)}}}'])
def test_a_file_that_kiosk_did_not_write_stops_no_terminal_and_sets_nothing(
    settings: Settings, raw: str
) -> None:
    overrides = Overrides(settings)
    overrides.path.write_text(raw)
    assert overrides.begin() is None
    merged, invalid = overrides.settings()
    assert merged == settings
    assert invalid is not None
    with open_stores(settings) as stores:
        post(stores, "configure", arguments={"settings": WIDER})
        obey(stores, Station(settings, overrides), NOW)
        assert replies(stores) == [("done", "2 settings differ")]
    assert overrides.settings()[0].decision.margin == 0.2


def test_the_documents_list_every_key_with_its_bounds_and_no_other() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if re.match(r"\| `\w+\.\w+`", line)]
    said = {key.strip(" `"): bounds.strip() for key, bounds in rows}
    assert said == {
        key: ", ".join(map(str, bounds))
        if isinstance(bounds[0], str)
        else f"{bounds[0]} to {bounds[1]}"
        for key, bounds in WHITELIST.items()
    }


def test_the_documents_list_every_command() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)) == ORDERS.keys()
