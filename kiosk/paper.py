"""Pages of text and tables as PDF, with reportlab, which is imported only when one is made.

- Latin text is in Helvetica, which every reader has; other alphabets in DejaVu Sans, put into the
  file, where Debian's fonts-dejavu-core is installed; Chinese, Japanese, Korean in the fonts that
  PDF readers bring for them (Adobe's Asian font packs). A character that none of these has is shown
  by its code, as [U+0E01]: nothing is left out silently.
- What stands in a text is shown as it is: no markup of reportlab's is taken from it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape  # only escapes; nothing is parsed

_PLAIN = "Helvetica"
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
# The fonts of reportlab's `cidfonts` by the code page whose characters each one has.
_ASIAN = (
    ("STSong-Light", "gbk"),
    ("HeiseiMin-W3", "shift_jis"),
    ("HYSMyeongJo-Medium", "euc_kr"),
    ("MSung-Light", "big5"),
)
_SIZES = {"title": 18, "heading": 13, "paragraph": 10.5, "cell": 8}  # points


@dataclass(frozen=True, slots=True)
class Words:
    """A title, a heading or a paragraph."""

    kind: Literal["title", "heading", "paragraph"]
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A table; `widths` are the columns' shares of the page's width."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]


def pdf(title: str, language: str, content: Iterable[Words | Rows]) -> bytes:
    """A PDF of A4 pages; the same content gives the same bytes."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 (0.2 s that a punch does not pay)
    from reportlab.lib.units import mm  # noqa: PLC0415
    from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        title=title,
        author="kiosk",
        lang=language,
        invariant=1,
    )
    width = document.width - 12  # a frame's padding of 6 points on either side
    document.build([piece for part in content for piece in _laid_out(part, width)])
    return file.getvalue()


def _laid_out(part: Words | Rows, width: float) -> Iterator[object]:
    from reportlab.lib.colors import grey, lightgrey  # noqa: PLC0415
    from reportlab.platypus import Spacer, Table, TableStyle  # noqa: PLC0415

    if isinstance(part, Words):
        yield _paragraph(part.text, part.kind)
        return
    cells = [[_paragraph(cell, "cell") for cell in row] for row in (part.columns, *part.rows)]
    share = width / sum(part.widths)
    table = Table(
        cells,
        colWidths=[w * share for w in part.widths],
        repeatRows=1,
        splitInRow=1,  # a reason may have a thousand characters, which fill a page in a column
    )
    lines = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, grey),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, lightgrey),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ]
    table.setStyle(TableStyle(lines))
    yield table
    yield Spacer(0, 8)


def _paragraph(text: str, kind: str) -> object:
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph  # noqa: PLC0415

    size = _SIZES[kind]
    asian = any(_font(character) in dict(_ASIAN) for character in text)
    style = ParagraphStyle(
        kind,
        fontName=_PLAIN,
        fontSize=size,
        leading=size * (1.25 if kind == "cell" else 1.4),
        spaceBefore={"heading": 10, "title": 0}.get(kind, 0),
        spaceAfter={"heading": 3, "title": 6, "paragraph": 4}.get(kind, 0),
        keepWithNext=int(kind == "heading"),
        # Breaks between any two characters: Chinese has no spaces, and a digest in a cell neither.
        wordWrap="CJK" if asian or (kind == "cell" and _has_long_word(text)) else None,
    )
    return Paragraph(_marked_up(text), style)


def _has_long_word(text: str) -> bool:
    return any(len(word) > 24 for word in text.split())


def _marked_up(text: str) -> str:
    runs = []
    for font, characters in groupby(text, _font):
        run = "".join(characters)
        if font is None:
            runs.append("".join(f"[U+{ord(character):04X}]" for character in run))
        elif font == _PLAIN:
            runs.append(escape(run).replace("\n", "<br/>"))
        else:
            runs.append(f'<font name="{font}">{escape(run)}</font>')
    return "".join(runs)


def _font(character: str) -> str | None:
    """The name of a font that has the character, ready for use; None without one."""
    if character in "\n\t" or _encodes(character, "cp1252"):
        return _PLAIN
    covered, name = _dejavu()
    if name is not None and covered(ord(character)):
        return name
    for font, page in _ASIAN:
        if _encodes(character, page):
            return _asian(font)
    return None


def _encodes(character: str, page: str) -> bool:
    try:
        character.encode(page)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _dejavu() -> tuple[Callable[[int], bool], str | None]:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    if not _DEJAVU.exists():
        return (lambda _: False), None
    font = TTFont("DejaVuSans", str(_DEJAVU))
    pdfmetrics.registerFont(font)
    return font.face.charToGlyph.__contains__, "DejaVuSans"


@cache
def _asian(font: str) -> str:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # noqa: PLC0415

    pdfmetrics.registerFont(UnicodeCIDFont(font))
    pdfmetrics.registerFontFamily(font, font, font, font, font)
    return font
