"""The notice that people read and agree to: one versioned text in several languages.

- Every language's file has the same version; a test holds that. A new version is a new text to
  agree to: nobody's face counts until they did (`kiosk.consent`).
- A file begins with `version:`, and with what stands for `responsible` and `contact` where the
  settings name nobody. The text follows: `# ` the title, `## ` headings, paragraphs.
- The digest is of the text as it is shown, with the settings' company, contact and days in it.
- A language without a file reads English.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

LANGUAGES = ("en", "zh", "es", "de")
_FALLBACK = "en"
_NO_SPACES = frozenset({"zh"})  # lines of a paragraph are joined without one


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a notice, in one line."""

    kind: Literal["title", "heading", "paragraph"]
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as shown: its version (a date), language, text, and SHA-256 of its UTF-8 in hex."""

    version: str
    language: str
    text: str
    digest: str

    def blocks(self) -> Sequence[Block]:
        """The text for whoever lays it out."""
        return [_block(piece, self.language) for piece in self.text.split("\n\n") if piece.strip()]


class Notices:
    """The notice of one terminal in every language; it is read once, at the start."""

    def __init__(self, responsible: str = "", contact: str = "", *, punches_days: int) -> None:
        self._all = {
            language: _filled("consent", language, responsible, contact, punches_days)
            for language in LANGUAGES
        }
        # The text for sharing with the site's other terminals, in English only.
        self.site = _filled("site", _FALLBACK, responsible, contact, punches_days)
        self.version = self._all[_FALLBACK].version

    def of(self, language: str) -> Notice:
        """The notice for somebody's language (RFC 5646, as "de-AT"; gettext's "zh_CN" too)."""
        primary = language.lower().replace("_", "-").partition("-")[0]
        return self._all.get(primary, self._all[_FALLBACK])


def _filled(name: str, language: str, responsible: str, contact: str, punches_days: int) -> Notice:
    raw = (resources.files(__package__) / f"{name}-{language}.md").read_text(encoding="utf-8")
    head, _, body = raw.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    text = body.strip().format(
        responsible=(responsible or fields["responsible"]).rstrip("."),
        contact=contact or fields["contact"],
        punches_days=punches_days,
    )
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Notice(fields["version"], language, text, digest)


def _block(piece: str, language: str) -> Block:
    text = ("" if language in _NO_SPACES else " ").join(piece.split("\n")).strip()
    if text.startswith("## "):
        return Block("heading", text.removeprefix("## "))
    if text.startswith("# "):
        return Block("title", text.removeprefix("# "))
    return Block("paragraph", text)
