"""One file, read by two programs: what either has a section for, the other passes over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kiosk.settings import Settings as KioskSettings
from kiosk.settings import load as load_for_kiosk
from store.errors import SettingsError
from store.settings import load_settings
from sync.settings import Settings as SyncSettings

GIVEN: dict[str, dict[str, Any]] = {
    "terminal": {"site": "plant-1", "name": "gate-a", "zone": "UTC"},
    "store": {"directory": "data", "keys": "keys"},
    "hq": {"public_key": "hq.pub"},
    "backup": {"directory": "backups", "recipients_file": "operators.pub"},
    "mqtt": {"host": "localhost", "ca": "ca.pem", "certificate": "c.pem", "key": "k.pem"},
}


def defaults(section: object) -> dict[str, Any]:
    """Every key of a section that has a default, with it."""
    if not isinstance(section, BaseModel):
        return {}
    values = section.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in values.items() if isinstance(value, int | float | str)}


def whole_file(path: Path) -> Path:
    """A file with every section and every plain key that kiosk or sync knows."""
    tables = dict(GIVEN)
    for settings in (KioskSettings, SyncSettings):
        for name, field in settings.model_fields.items():
            tables.setdefault(name, {})
            known = {} if field.is_required() else defaults(field.get_default())
            tables[name] = {**known, **tables[name]}
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_both_programs_read_one_file_with_all_sections(tmp_path: Path) -> None:
    path = whole_file(tmp_path / "kiosk.toml")
    for_kiosk, for_sync = load_for_kiosk(path), load_settings(path, SyncSettings)
    assert for_kiosk.terminal == for_sync.terminal
    assert for_kiosk.store == for_sync.store
    assert for_kiosk.hq == for_sync.hq
    assert "[quality]" in path.read_text()
    assert "max_yaw" in path.read_text(), "a section is written with its keys"


def test_what_one_has_a_section_for_the_other_has_too() -> None:
    """Else a file that one of them needs stops the other."""
    assert set(KioskSettings.model_fields) == set(SyncSettings.model_fields)


def test_a_section_that_neither_knows_stops_both(tmp_path: Path) -> None:
    path = whole_file(tmp_path / "kiosk.toml")
    path.write_text(path.read_text() + "[qualitty]\n")
    for load in (load_for_kiosk, lambda file: load_settings(file, SyncSettings)):
        with pytest.raises(
            SettingsError, match=r"qualitty is no known key; did you mean quality\?"
        ):
            load(path)


def test_a_metrics_file_that_node_exporter_would_pass_over_is_refused(tmp_path: Path) -> None:
    path = whole_file(tmp_path / "kiosk.toml")
    text = path.read_text()
    path.write_text(text.replace("[status]\n", '[status]\nmetrics_file = "metrics/kiosk.prom"\n'))
    for settings in (load_for_kiosk(path), load_settings(path, SyncSettings)):
        assert settings.status.metrics_file == tmp_path / "metrics" / "kiosk.prom"
    path.write_text(text.replace("[status]\n", '[status]\nmetrics_file = "kiosk.txt"\n'))
    with pytest.raises(SettingsError, match=r"status.metrics_file .*end in \.prom"):
        load_settings(path, SyncSettings)
