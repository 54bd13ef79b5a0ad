"""The catalogues are whole, and what is compiled is what is written."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from kiosk.indicators import Signal
from kiosk.poses import Hint
from kiosk.screen import texts
from kiosk.visit import Refusal
from kiosk.words import NAMES, languages, words
from recognizer.quality import Reason

KIOSK = Path(__file__).resolve().parents[2] / "kiosk"
LOCALE = KIOSK / "locale"
OTHERS = [code for code in NAMES if code != "en"]


def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "kiosk.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@pytest.fixture(scope="module")
def said() -> set[str | tuple[str, ...]]:
    """Every text that the program marks, as `scripts/words` finds them."""
    with (LOCALE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "msgid": None}
    found = extract_from_dir(str(KIOSK), methods, options, keywords=keywords)
    return {message[2] for message in found}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str, said: set[str | tuple[str, ...]]) -> None:
    own = catalogue(language)
    missing = []
    for text in said:
        entry = own.get(text if isinstance(text, str) else text[0])
        forms = entry.string if entry is not None else ""
        if not (all(forms) and forms if isinstance(forms, tuple | list) else forms):
            missing.append(text)
    assert len(said) > 150
    assert missing == [], "run scripts/words and translate these"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_translated_that_nobody_says(
    language: str, said: set[str | tuple[str, ...]]
) -> None:
    assert {m.id for m in catalogue(language) if m.id} - said == set(), "run scripts/words"


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_and_plurals_are_right(language: str) -> None:
    own = catalogue(language)
    assert [(m.id, str(error)) for m in own if m.id for error in m.check()] == []
    assert not [m.id for m in own if m.fuzzy and m.id]


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    kept = (LOCALE / language / "LC_MESSAGES" / "kiosk.mo").read_bytes()
    assert kept == compiled.getvalue(), "run scripts/words"


def test_every_signal_and_every_hint_has_words() -> None:
    assert {signal.name for signal in Signal} <= set(texts.SIGNALS)
    assert {reason.name for reason in Reason} == set(texts.HINTS)
    assert {refusal.name for refusal in Refusal} == set(texts.REASONS)
    assert {hint.value for hint in Hint} == set(texts.GUIDING)


def test_each_signal_has_a_tone_and_a_shape_that_no_other_has() -> None:
    shapes: dict[tuple[str, str], list[str]] = {}
    for name, text in texts.SIGNALS.items():
        shapes.setdefault((text.tone, text.shape), []).append(name)
    assert [names for names in shapes.values() if len(names) > 1] == []


def test_a_language_is_spoken_by_its_code_and_no_other() -> None:
    assert words("de").gettext("In") == "Kommen"
    assert words("en").gettext("In") == "In"
    assert {language.tag for language in languages().values()} == {"en", "zh-CN", "es", "de"}
    assert {language.direction for language in languages().values()} == {"ltr"}
    with pytest.raises(KeyError):
        words("tlh")


def test_a_wheel_takes_the_pages_and_the_words_along() -> None:
    project = tomllib.loads((KIOSK.parent / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["kiosk"]
    taken = {file for pattern in patterns for file in KIOSK.glob(pattern)}
    folders = (KIOSK / "screen" / "pages", KIOSK / "screen" / "static", LOCALE)
    needed = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    assert len(needed) > 20
    assert needed - taken == {LOCALE / "babel.cfg"}, "that one is for scripts/words only"
