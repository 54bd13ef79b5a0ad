"""A person's copy of everything that is held, and erasure that is looked at afterwards."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import cli, exit_code
from kiosk.consent import renew
from kiosk.enrolment import enrol
from kiosk.erasing import erase
from kiosk.errors import NotErasedError
from kiosk.record_words import MEANINGS, details, meaning
from kiosk.settings import Settings, load
from kiosk.stores import Stores, open_stores
from kiosk.subject import gather
from store import quarantine
from store.errors import InvalidValueError, OccupiedError, UnknownPersonError
from store.keys import keys_directory, load_database_key
from store.records import BODIES, Consent, Correction, Punch
from store.schema import GALLERY, LEDGER
from store.subject import ACTING, ACTING_KINDS, NOBODYS, PARTS
from tests.kiosk.drawn import drawn
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, settings_file, terminal
from tests.store.pages import traces

NUMBER, OTHER = "4711-Erika", "0815-Otto"
NAME = "Łucja 王芳 Żółć"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A terminal that holds something of every kind on one person, and another person."""
    folder = tmp_path_factory.mktemp("filled")
    with open_stores(terminal(folder)) as stores:
        for number, face in ((OTHER, 2), (NUMBER, 1)):
            enrol(stores, MODEL, applicant(number), samples(face, 0, 1), LIMITS, now())
        fill(stores)
    return folder


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    """A copy of it, to change."""
    shutil.copytree(filled, tmp_path / "gate")
    return load(settings_file(tmp_path / "gate"))


def fill(stores: Stores) -> None:
    register = stores.register
    stores.gallery.set_names(NUMBER, NAME, "pl")
    stores.genuine.add(NUMBER, 612_000, now(1))
    register.ask_renewal(NUMBER, now(2))
    register.set_roles(NUMBER, ["supervisor"], now(2))
    punch = Punch(person=NUMBER, method="face", direction="in", score_millionths=612_000)
    record = stores.ledger.append(punch, now(3))
    why = {"person": OTHER, "action": "added", "why": "forgot", "direction": "in"}
    correction = {**why, "by": "hq-1", "approved_by": NUMBER, "corrects": record.id}
    stores.ledger.append(Correction.model_validate(correction), now(3))
    stores.gallery.record_consent(OTHER, "old", "00" * 32, "form", None, now(3))
    renew(stores, OTHER, "en", "form 2", now(4), witness=NUMBER)
    day = "2026-03-04T00:00:00.000000Z"
    database = stores.gallery_db
    database.execute("INSERT INTO badges VALUES (?, ?, ?, ?)", (b"h" * 32, NUMBER, "ab" * 8, day))
    database.execute("INSERT INTO pins VALUES (?, 'argon', ?)", (NUMBER, day))
    database.execute("INSERT INTO attempts VALUES ('person', ?, 3, 'b', 1)", (NUMBER,))


def columns_of(stores: Stores, table: str) -> set[str]:
    return set(stores.gallery_db.rows("SELECT name FROM pragma_table_info(?)", (table,), str))


def run(settings: Settings, *words: str) -> Result:
    config = settings.store.directory / "kiosk.toml"
    return CliRunner().invoke(cli, [*words, "--config", str(config)])


def exported(settings: Settings, folder: str = "out") -> tuple[Any, str]:
    target = settings.store.directory / folder
    done = run(settings, "subject", "export", NUMBER, "--to", str(target))
    assert done.exit_code == 0, done.exception
    pages = drawn((target / "subject.pdf").read_bytes())
    return json.loads((target / "subject.json").read_text()), pages


def test_every_table_is_somebodys_or_nobodys(settings: Settings) -> None:
    """A new table must say whether it holds something on a person, or nobody can answer them."""
    with open_stores(settings) as stores:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        gallery = set(stores.gallery_db.rows(query, (), str))
        ledger = set(stores.ledger_db.rows(query, (), str))
    assert gallery == set(PARTS) | NOBODYS[GALLERY.name]
    assert ledger == {"records"} | NOBODYS[LEDGER.name]


# Keys that join tables, secrets, and the terminal's own bookkeeping about a row.
NOT_GIVEN_OUT = {
    "people": {"changed"},
    "consents": {"id", "live"},
    "templates": {"id", "consent", "live"},
    "badges": {"hash", "key"},
    "pins": {"hash"},
    "attempts": {"kind", "subject", "boot", "monotonic_ns"},
    "notes": {"position", "id"},
}


def test_every_column_is_given_out_or_is_no_persons(settings: Settings) -> None:
    with open_stores(settings) as stores:
        for table, part in PARTS.items():
            there = columns_of(stores, table) - {"person"}
            assert there <= set(part.columns) | NOT_GIVEN_OUT.get(table, set()), table


def test_every_field_that_names_somebody_is_looked_for() -> None:
    naming = {
        (kind, field)
        for kind, body in BODIES.items()
        for field, kind_of in body.__annotations__.items()
        if re.search(r"\bNumber\b", str(kind_of))
    }
    assert {field for _, field in naming} == {"person", *ACTING}
    assert {kind for kind, field in naming if field != "person"} == set(ACTING_KINDS)
    assert {kind for kind, field in naming if field == "person"} == set(MEANINGS)


def test_the_export_has_something_of_every_part(settings: Settings) -> None:
    document, _ = exported(settings)
    assert document["person"]["name"] == NAME
    assert document["roles"] == ["supervisor"]
    assert document["consents"][0]["how"] == "form"
    assert [len(template["vector"]) for template in document["templates"]] == [192, 192]
    assert sum(x * x for x in document["templates"][0]["vector"]) == pytest.approx(1, abs=1e-3)
    [week] = document["recognition_by_week"]
    assert (week["visits"], week["mean_score"]) == (1, 0.612)
    assert document["renewal_asked"].startswith("2026-03-04")
    assert document["badges"] == [{"added_utc": "2026-03-04T00:00:00.000000Z"}]
    assert document["pin_set"] == "2026-03-04T00:00:00.000000Z"
    assert document["wrong_tries_in_a_row"] == 3
    assert document["sent"]["headquarters_has_up_to"] == 0
    kinds = [record["kind"] for record in document["records"]]
    assert {"consent", "enrolment", "renewal_due", "person_roles", "punch"} <= set(kinds)
    assert kinds[-1] == "subject_export", "the export is in itself"
    with open_stores(settings) as stores:
        assert stores.ledger.records(0, 100)[-1].kind == "subject_export"


def test_the_export_names_nobody_else_and_no_secret(settings: Settings) -> None:
    document, pages = exported(settings)
    text = json.dumps(document)
    for hidden in (OTHER, "argon", (b"h" * 32).hex(), "hq-1"):
        assert hidden not in text
        assert hidden not in pages
    acted = [(one["kind"], one["as"]) for one in document["parts_in_matters_of_others"]]
    assert acted == [("correction", ["approved_by"]), ("consent", ["witness"])]
    assert len(document["witnessed_consents_of_others"]) == 1


def test_the_pages_say_it_in_words(settings: Settings) -> None:
    _, pages = exported(settings)
    words = re.sub(r"\) Tj.*?\(", " ", pages, flags=re.DOTALL)
    for said in ("Clocked in or out", "Agreed to the notice", "PIN: set", "method: face", "0.612"):
        assert said in words, said


def test_files_are_the_owners_alone_and_never_overwritten(settings: Settings) -> None:
    exported(settings)
    folder = settings.store.directory / "out"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "subject.json": 0o600,
        "subject.pdf": 0o600,
    }
    again = run(settings, "subject", "export", NUMBER, "--to", str(folder))
    assert isinstance(again.exception, OccupiedError)
    with open_stores(settings) as stores:
        kinds = [record.kind for record in stores.ledger.records(0, 100)]
    assert kinds.count("subject_export") == 1


def test_nobody_gets_an_export_of_nothing(settings: Settings) -> None:
    target = settings.store.directory / "none"
    done = run(settings, "subject", "export", "9", "--to", str(target))
    assert isinstance(done.exception, UnknownPersonError)
    assert not target.exists()
    assert isinstance(run(settings, "subject", "erase", "9").exception, UnknownPersonError)
    for words in (("erase", "\x07"), ("export", "\x07", "--to", str(target))):
        assert isinstance(run(settings, "subject", *words).exception, InvalidValueError)


def test_erasing_leaves_nothing_but_what_it_names(settings: Settings) -> None:
    done = run(settings, "subject", "erase", NUMBER, "--json")
    assert done.exit_code == 0, done.exception
    said = json.loads(done.stdout)
    assert said["deleted"] == {
        "people": 1,
        "roles": 1,
        "consents": 1,
        "templates": 2,
        "genuine": 1,
        "renewals": 1,
        "badges": 1,
        "pins": 1,
        "attempts": 1,
    }
    assert said["left"] == {}
    assert set(PARTS) < set(said["checked"])
    stays = {one["what"]: one["count"] for one in said["stays"]}
    assert stays["records of working time"] == 1
    assert stays["records of others, which name this number"] == 2
    assert stays["consents of others, witnessed"] == 1
    assert all("deleted after" in o["why"] or "proof" in o["why"] for o in said["stays"])


def test_the_pages_of_the_file_prove_the_erasure(settings: Settings) -> None:
    """As forensics would look: in every page of file and log, with the key."""
    directory = settings.store.directory
    gallery = directory / "gallery.db"
    with load_database_key(keys_directory(settings.store.keys), "gallery") as key:
        clear = bytes(key.view)
    assert traces(gallery, clear, NAME.encode()) > 0
    with open_stores(settings) as stores:
        stores.gallery_db.execute("UPDATE consents SET witness = NULL WHERE witness = ?", (NUMBER,))
        assert erase(stores, settings, NUMBER, now(5)).whole
    assert traces(gallery, clear, NAME.encode()) == 0
    assert traces(gallery, clear, NUMBER.encode()) == 0
    assert traces(gallery, clear, OTHER.encode()) > 0, "the search finds who is there"


def test_what_is_left_after_an_erasure_is_an_error(settings: Settings) -> None:
    directory = settings.store.directory
    with open_stores(settings) as reader, reader.gallery_db.reading():
        reader.gallery.people()  # keeps the log from being cut
        done = run(settings, "subject", "erase", NUMBER)
    assert isinstance(done.exception, NotErasedError)
    assert exit_code(done.exception) == 4
    assert "write-ahead log" in str(done.exception)
    again = run(settings, "subject", "erase", NUMBER)
    assert again.exit_code == 0, "records are left, so it can be asked again"
    assert "nothing left" in again.stdout
    folder = directory / quarantine.FOLDER / "gallery-1"
    folder.mkdir(parents=True)
    (folder / "gallery.db").write_bytes(b"damaged")
    assert run(settings, "subject", "erase", NUMBER).exit_code == 0
    assert not folder.exists(), "it may have held the person"


def test_the_copy_of_somebody_erased_is_their_records(settings: Settings) -> None:
    with open_stores(settings) as stores:
        erase(stores, settings, NUMBER, now(5))
        document = gather(stores, settings, NUMBER, now(6))
    assert document["person"] is None
    assert document["templates"] == document["badges"] == document["consents"] == []
    assert document["records"][-1]["kind"] == "deletion"
    _, pages = exported(settings)
    assert "Nobody has this number here any more" in pages


def test_records_in_words() -> None:
    body = Consent(person="1", text_digest="ab" * 32, text_version="v", how="form", witness=None)
    assert details(body.model_dump()) == (f"text digest: {'ab' * 32}; text version: v; how: form")
    said = details({"score_millionths": 612_000, "face_matched": False, "roles": ["a", "b"]})
    assert said == "score: 0.612; face matched: no; roles: a, b"
    assert meaning("kind_of_tomorrow") == "kind of tomorrow"
