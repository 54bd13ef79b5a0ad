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
    raw = (resources.files(__package__) / f"consent-{language}.md").read_bytes()
    first, _, text = raw.decode("utf-8").partition("\n")
    return Notice(first.removeprefix("version:").strip(), hashlib.sha256(raw).hexdigest(), text)
