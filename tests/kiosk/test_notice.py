"""The notice: one version in every language, agreed to before a face counts, printable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import cli
from kiosk.consent import accepted, renew
from kiosk.enrolment import Applicant, enrol
from kiosk.notices import LANGUAGES, Notices
from kiosk.stores import Stores, open_stores
from store.errors import ConstraintError, UnknownPersonError
from tests.kiosk.drawn import drawn
from tests.kiosk.made import LIMITS, MODEL, applicant, now, samples, settings_file, terminal

NOTICES = Notices("Mayer & Söhne GmbH", "extension 12", punches_days=90)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_in_one_version(language: str) -> None:
    notice, english = NOTICES.of(language), NOTICES.of("en")
    assert notice.version == english.version == NOTICES.version
    assert [block.kind for block in notice.blocks()] == [b.kind for b in english.blocks()]
    assert "Mayer & Söhne GmbH" in notice.text
    assert "extension 12" in notice.text
    assert "90" in notice.text
    assert "{" not in notice.text
    assert notice.digest == hashlib.sha256(notice.text.encode()).hexdigest()


def test_the_text_as_shown_is_what_the_digest_is_of() -> None:
    other = Notices("Another Ltd", "extension 12", punches_days=90)
    assert other.of("en").digest != NOTICES.of("en").digest
    assert other.version == NOTICES.version


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("de-AT", "de"),
        ("ZH-Hans-CN", "zh"),
        ("zh_CN", "zh"),
        ("fr", "en"),
        ("", "en"),
        ("../de", "en"),
    ],
)
def test_a_language_without_a_text_reads_english(asked: str, given: str) -> None:
    assert NOTICES.of(asked).language == given


def test_settings_that_name_nobody_still_make_a_sentence() -> None:
    assert "Ihr Arbeitgeber. Ansprechstelle: die Personalabteilung." in (
        Notices(punches_days=90).of("de").text
    )


def consents(stores: Stores) -> list[dict[str, object]]:
    records = stores.ledger.records(0, 100)
    return [record.content().body for record in records if record.kind == "consent"]


def test_enrolment_records_the_text_in_the_persons_language(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        who = Applicant("1", "Name", "es-MX", "form", None)
        enrol(stores, MODEL, who, samples(1, 0, 1), LIMITS, now())
        assert accepted(stores, "1")
        [consent] = consents(stores)
        assert consent["text_digest"] == stores.notices.of("es").digest
        assert consent["text_version"] == stores.notices.version


def test_a_new_version_asks_again_and_the_answer_is_a_record(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        stores.notices.version = "2027-01-01"
        assert not accepted(stores, "1")
        stores.notices.version = stores.notices.of("en").version
        stores.gallery.record_consent("1", "2025-01-01", "00" * 32, "form", None, now())
        assert not accepted(stores, "1"), "an older text was agreed to"
        assert renew(stores, "1", "de", "on the screen", now(1))
        assert accepted(stores, "1")
        assert consents(stores)[-1] == {
            "v": 1,
            "person": "1",
            "text_digest": stores.notices.of("de").digest,
            "text_version": stores.notices.version,
            "how": "on the screen",
            "witness": None,
        }
        assert stores.templates.count(MODEL) == 2, "the templates stand on the new consent"
        assert not renew(stores, "1", "de", "again", now(2)), "nothing new to record"
        assert len(consents(stores)) == 2


def test_nobody_accepts_who_is_unknown_has_withdrawn_or_left(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        assert not accepted(stores, "1")
        with pytest.raises(UnknownPersonError, match="kiosk people list"):
            renew(stores, "1", None, "form", now())
        enrol(stores, MODEL, applicant("1"), samples(1, 0, 1), LIMITS, now())
        stores.register.withdraw("1", now(1))
        assert not accepted(stores, "1")
        stores.register.leave("1", now(2))
        with pytest.raises(ConstraintError, match="make them active first"):
            renew(stores, "1", None, "form", now(3))
        assert not accepted(stores, "1")


def ask(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--config", str(config)])


def test_accepting_away_from_the_screen(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        stores.gallery.add_person("1", "Name", "de", now())
    config = settings_file(tmp_path)
    done = ask(config, "people", "accept", "1", "--how", "signed form 17", "--witness", "2")
    assert done.output.startswith("1 accepted the notice 20"), done.output
    again = ask(config, "people", "accept", "1", "--how", "x", "--json")
    assert json.loads(again.stdout)["recorded"] is False
    with open_stores(terminal(tmp_path)) as stores:
        [consent] = consents(stores)
        assert (consent["how"], consent["witness"]) == ("signed form 17", "2")
        assert consent["text_digest"] == stores.notices.of("de").digest


def test_the_notice_is_printed_and_says_what_is_not_set(tmp_path: Path) -> None:
    terminal(tmp_path)
    config = settings_file(tmp_path)
    shown = ask(config, "notice", "--language", "de")
    assert "Ihr Arbeitgeber. Ansprechstelle" in shown.stdout
    assert "set [notice] responsible and contact" in shown.stderr
    config.write_text(config.read_text() + '[notice]\nresponsible = "Mayer"\ncontact = "12"\n')
    shown = ask(config, "notice", "--json")
    assert "Mayer. Contact: 12." in json.loads(shown.stdout)["text"]
    assert shown.stderr == ""


def test_the_notice_as_pdf(tmp_path: Path) -> None:
    terminal(tmp_path)
    config = settings_file(tmp_path)
    for language, title in (("en", "(Using your face to clock in and out)"), ("zh", "")):
        file = tmp_path / f"{language}.pdf"
        done = ask(config, "notice", "--language", language, "--pdf", str(file))
        assert done.exit_code == 0, done.output
        made = file.read_bytes()
        assert made.startswith(b"%PDF-")
        assert title in drawn(made)
        assert (b"STSong-Light" in made) == (language == "zh")
