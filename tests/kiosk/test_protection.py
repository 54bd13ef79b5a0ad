"""A terminal's templates under its key: the first key, a new one, and crashes in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kiosk import protection
from kiosk.enrolment import enrol
from kiosk.protection import open_protection, reissue
from kiosk.served import ServedPeople
from kiosk.stores import open_stores
from store.errors import MissingKeyError, WrongTemplatesKeyError
from store.gallery import Gallery
from store.keys import create_keys
from store.templates import Templates
from tests.kiosk.made import LIMITS, MODEL, applicant, face, now, samples, terminal
from tests.store.pages import traces


class Crash(BaseException):
    """The process ends here."""


def gallery_key(folder: Path) -> bytes:
    return bytes.fromhex((folder / "keys" / "gallery.key").read_text())


def test_no_embedding_is_ever_on_the_disk(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        (_, stored), protected = stores.templates.active(MODEL), stores.protection
        plain = np.stack([face(1, 0), face(1, 1)])
        np.testing.assert_allclose(protected.apply(plain) @ stored.T, plain @ plain.T, atol=1e-5)
        for vector in plain:
            assert not traces(tmp_path / "gallery.db", gallery_key(tmp_path), vector.tobytes())


def test_a_gallery_from_before_is_brought_under_the_key(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        stores.gallery_db.execute("DELETE FROM protection")
        old = Gallery(stores.gallery_db)
        old.add_person("1", "n", "en", now())
        old.record_consent("1", "v", "d", "h", None, now())
        old.add_templates("1", MODEL, [(face(1), 1, now())])
    with open_stores(settings) as stores:
        (stored,) = stores.templates.active(MODEL)[1]
        np.testing.assert_allclose(stored, stores.protection.apply(face(1)), atol=1e-6)
        assert not traces(tmp_path / "gallery.db", gallery_key(tmp_path), face(1).tobytes())


def test_a_new_key_keeps_the_scores_and_cuts_the_link(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1, 2), LIMITS, now())
        _, before = stores.templates.active(MODEL)
        old_key = (tmp_path / "keys" / "templates.key").read_text()
        assert reissue(stores.keys, stores.templates) == 3
        _, after = stores.templates.active(MODEL)
        np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-5)
        assert np.abs((after * before).sum(axis=1)).max() < 0.4
        assert (tmp_path / "keys" / "templates.key").read_text() != old_key
        for vector in before:
            assert not traces(tmp_path / "gallery.db", gallery_key(tmp_path), vector.tobytes())


def stop(*_: object) -> None:
    raise Crash


@pytest.mark.parametrize(
    ("target", "name", "converted"),
    [
        (protection, "create_next_key", False),
        (Templates, "convert", False),
        (protection, "take_next_key", True),
    ],
)
def test_a_crash_leaves_one_state_that_the_next_opening_goes_on_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: object,
    name: str,
    converted: bool,
) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        first = stores.protection.id
        with monkeypatch.context() as patch:
            patch.setattr(target, name, stop)
            with pytest.raises(Crash):
                reissue(stores.keys, stores.templates)
    create_keys(tmp_path / "keys")  # makes nothing that would get in the way
    for _ in range(2):
        with open_stores(settings) as stores:
            assert (stores.protection.id != first) is converted
            assert stores.templates.protection() == stores.protection.id
            cosines = stores.templates.active(MODEL)[1] @ stores.protection.apply(face(1, 0))
            assert float(cosines.max()) == pytest.approx(1, abs=1e-5)
    with open_stores(settings) as stores:
        assert reissue(stores.keys, stores.templates) == 2
        assert not (tmp_path / "keys" / "templates.key.new").exists()
        now_used = open_protection(stores.keys, stores.templates)
        cosines = stores.templates.active(MODEL)[1] @ now_used.apply(face(1, 0))
        assert float(cosines.max()) == pytest.approx(1, abs=1e-5)


def test_the_daemon_goes_on_through_a_re_issue(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as daemons, open_stores(settings) as others:
        enrol(others, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        served = ServedPeople(daemons, MODEL)
        served.refresh()
        reissue(others.keys, others.templates)
        assert served.refresh()
        match = served.matcher.identify(served.protection.apply(face(1, 0)))
        assert match.person == "1"
        assert match.score == pytest.approx(1, abs=1e-5)


def test_a_lost_or_foreign_key_stops_the_terminal_and_changes_nothing(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0), LIMITS, now())
        before = stores.templates.active(MODEL)[1]
    key = tmp_path / "keys" / "templates.key"
    kept = key.read_text()
    key.unlink()
    opening: Callable[[], object] = lambda: open_stores(settings).__enter__()  # noqa: E731
    with pytest.raises(MissingKeyError, match="kiosk keys create"):
        opening()
    create_keys(tmp_path / "keys")
    with pytest.raises(WrongTemplatesKeyError, match="backup"):
        opening()
    key.unlink()
    key.write_text(kept)
    key.chmod(0o400)
    with open_stores(settings) as stores:
        np.testing.assert_array_equal(stores.templates.active(MODEL)[1], before)
