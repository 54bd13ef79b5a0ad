"""A program that provision.sh installed can be updated from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kiosk.update.adoption import adopted
from kiosk.update.manifest import RELEASE_FILE, installed


def test_the_environment_reads_as_an_installed_release_that_fits_here(tmp_path: Path) -> None:
    wheel = tmp_path / "kiosk-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    manifest = adopted(wheel, datetime(2026, 11, 24, tzinfo=UTC))
    (tmp_path / RELEASE_FILE).write_text(manifest.model_dump_json())
    assert installed(tmp_path) == manifest
    manifest.require_fitting()
    assert manifest.leaves_way_back_to(manifest)
