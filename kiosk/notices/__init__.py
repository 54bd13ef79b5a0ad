"""The texts that people consent to, versioned; a consent records which text it was given to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Notice:
    """A consent text: its version (a date), SHA-256 of its bytes in hex, and the text."""

    version: str
    digest: str
    text: str


def consent_notice(language: str = "en") -> Notice:
    """The current consent text; raises `FileNotFoundError` for a language that has none."""
    return _notice(f"consent-{language}.md")


def site_notice(language: str = "en") -> Notice:
    """As `consent_notice`, the text for the site's other terminals (`kiosk people share`)."""
    return _notice(f"site-{language}.md")


def _notice(file: str) -> Notice:
    raw = (resources.files(__package__) / file).read_bytes()
    first, _, text = raw.decode("utf-8").partition("\n")
    return Notice(first.removeprefix("version:").strip(), hashlib.sha256(raw).hexdigest(), text)
