"""Pages as PDF: what stands in a text is shown, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import paper
from kiosk.paper import Rows, Words, pdf
from tests.kiosk.drawn import drawn


@pytest.fixture
def no_dejavu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without Debian's fonts-dejavu-core."""
    monkeypatch.setattr(paper, "_DEJAVU", Path("/nowhere.ttf"))
    paper._dejavu.cache_clear()
    yield
    paper._dejavu.cache_clear()


def of(text: str) -> bytes:
    return pdf("title", "en", [Words("paragraph", text)])


def test_markup_in_a_text_is_shown_and_not_obeyed() -> None:
    text = '<b>x</b> & <font size="99">y</font> <img src="/etc/passwd"/>'
    assert "".join(re.findall(r"\((.*?)\) Tj", drawn(of(text)))) == text


def test_a_character_without_a_font_is_shown_by_its_code(no_dejavu: None) -> None:
    assert "z[U+0105]b [U+0E01]" in drawn(of("z\u0105b \u0e01"))


def test_the_same_content_is_the_same_file() -> None:
    assert of("one") == of("one") != of("two")


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00\x01\x1b[0m", "\u202eabc", "\U0001f600", "王" * 1000, "x" * 1000, "\ufffe"],
)
def test_no_text_is_too_odd_or_too_long_for_a_page(text: str) -> None:
    rows = Rows(("a", "b", "c"), [(text, "x", text)] * 3, (1, 3, 0.5))
    assert pdf("title", "en", [Words("heading", text), rows]).startswith(b"%PDF-")


def test_a_long_table_names_its_columns_on_every_page() -> None:
    rows = Rows(("column", "value"), [(str(n), "x") for n in range(200)], (1, 1))
    page = drawn(pdf("title", "en", [rows]))
    assert page.count("(column)") > 2
    assert "(199)" in page
