"""What lies on the disk: nothing readable without the key, nothing of the deleted with it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from store.database import open_database
from store.gallery import Gallery
from store.records import Fault
from tests.store.made import GALLERY_KEY, LEDGER_KEY, MODEL, Shop, at, open_shop, punch, vector
from tests.store.pages import database_pages, log_pages, traces
from tests.store.test_gallery import DIGEST

NAME = "Zoë Łukasiewicz-Nnamdi"
NUMBER = "EMPLOYEE-80017"
DETAIL = "a sentence that no cipher makes"


def needles() -> list[bytes]:
    embedding = vector(1).tobytes()
    texts = (NAME, NUMBER, DETAIL, "signed form 17", "SQLite format 3", "CREATE TABLE")
    return [
        *(text.encode(code) for text in texts for code in ("utf-8", "utf-16-le", "utf-16-be")),
        *(embedding[start : start + 16] for start in range(0, len(embedding), 16)),
        LEDGER_KEY,
        GALLERY_KEY,
        LEDGER_KEY.hex().encode(),
    ]


def fill(shop: Shop) -> None:
    shop.gallery.add_person(NUMBER, NAME, "en", at())
    shop.gallery.record_consent(NUMBER, "en-1", DIGEST, "signed form 17", None, at())
    shop.gallery.add_templates(NUMBER, MODEL, [(vector(1), 900_000, at())])
    for _ in range(30):
        shop.ledger.append(punch(NUMBER), at())
        shop.ledger.append(Fault(code="camera_lost", detail=DETAIL), at())


def test_names_numbers_and_embeddings_are_not_in_the_files(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    fill(shop)
    for moment in ("open, with logs", "folded in", "closed"):
        if moment == "folded in":
            assert shop.ledger_db.checkpoint()
            assert shop.gallery_db.checkpoint()
        if moment == "closed":
            shop.close()
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        if moment == "open, with logs":
            assert len(files) == 8  # each with its log, index and mark
            assert min(len(files["ledger.db-wal"]), len(files["gallery.db-wal"])) > 4096
        for name, content in files.items():
            assert not [n for n in needles() if n in content], f"{name}, {moment}"


def test_the_key_shows_what_the_search_looks_for(shop: Shop) -> None:
    """The search itself works: with the key the same needles are there."""
    fill(shop)
    assert traces(shop.folder / "gallery.db", GALLERY_KEY, NAME.encode())
    assert traces(shop.folder / "gallery.db", GALLERY_KEY, vector(1).tobytes())
    assert traces(shop.folder / "ledger.db", LEDGER_KEY, DETAIL.encode())
    shop.gallery_db.checkpoint()
    assert traces(shop.folder / "gallery.db", GALLERY_KEY, vector(1).tobytes())


@pytest.mark.parametrize("how", ["withdraw", "left", "remove"])
def test_nothing_of_a_deleted_template_is_left_even_for_the_key(shop: Shop, how: str) -> None:
    """Among many people, so that pages were split and cells moved; deleted ones at random."""
    chance = random.Random(how)
    numbers = [str(1000 + n) for n in range(150)]
    chance.shuffle(numbers)
    for number in numbers:
        shop.gallery.add_person(number, f"Name of {number}", "en", at())
        shop.gallery.record_consent(number, "en-1", DIGEST, "signed form 17", None, at())
        rows = [(vector(int(number) * 10 + k), 900_000, at()) for k in range(chance.randint(1, 8))]
        shop.gallery.add_templates(number, MODEL, rows)
    path = shop.folder / "gallery.db"
    assert traces(path, GALLERY_KEY, vector(10_000).tobytes())
    gone = numbers[::3]
    for number in gone:
        match how:
            case "withdraw":
                shop.gallery.withdraw(number, at())
            case "left":
                shop.gallery.set_status(number, "left", at())
            case _:
                shop.gallery.remove_person(number)
    assert not shop.gallery.erasure_pending()
    clear = _all_pages(path)
    for number in gone:
        for k in range(8):
            raw = vector(int(number) * 10 + k).tobytes()
            for start in range(0, len(raw) - 16, 96):  # also a torn copy is a trace
                assert raw[start : start + 16] not in clear
        if how == "remove":
            assert f"Name of {number}".encode() not in clear
    kept, vectors = shop.templates.active(MODEL)
    assert set(kept) == set(numbers) - set(gone)
    assert np.isfinite(vectors).all()


def _all_pages(path: Path) -> bytes:
    log = path.with_name(path.name + "-wal")
    return b"\n".join([*database_pages(path, GALLERY_KEY), *log_pages(log, GALLERY_KEY)])


def test_a_reader_that_delays_the_erasure_is_remembered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop)
    monkeypatch.setattr("store.database.BUSY_S", 0.01)
    gallery_db = open_database(shop.folder / "gallery.db", GALLERY_KEY, create=False)
    gallery = Gallery(gallery_db)
    reader = shop.gallery_db._connection.execute("SELECT * FROM templates, sqlite_master")
    reader.fetchone()
    assert gallery.withdraw(NUMBER, at()) == 1
    assert gallery.erasure_pending()
    assert not gallery.finish_erasure()
    reader.close()
    assert gallery.finish_erasure()
    assert not gallery.erasure_pending()
    assert not traces(shop.folder / "gallery.db", GALLERY_KEY, vector(1).tobytes())
    gallery_db.close()
