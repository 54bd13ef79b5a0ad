"""The words that people read, in the languages that the terminal speaks: standard gettext.

English is what the program says; `locale/*/LC_MESSAGES/kiosk.po` has the others, and the `.mo`
beside each is compiled from it by `scripts/words`. A test fails when one is stale or lacks a text.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

DOMAIN = "kiosk"
# Each by its own name, so that whoever cannot read the present one finds theirs.
NAMES = {"en": "English", "zh_CN": "简体中文", "es": "Español", "de": "Deutsch"}
LanguageCode = Literal["en", "zh_CN", "es", "de"]
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


@dataclass(frozen=True, slots=True)
class Language:
    """A language: gettext's code, its own name, and its translations."""

    code: str
    name: str
    translations: gettext.NullTranslations

    @property
    def tag(self) -> str:
        """As HTML's `lang` and Intl want it: `zh-CN`."""
        return self.code.replace("_", "-")

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Which way it is written."""
        return "rtl" if self.code.partition("_")[0] in _RIGHT_TO_LEFT else "ltr"


def words(language: str) -> gettext.NullTranslations:
    """The translations into that language; raises `KeyError` for one that is not spoken here."""
    return languages()[language].translations


@cache
def languages() -> dict[str, Language]:
    """All that are spoken here, by code, English first."""
    return {code: Language(code, name, _translations(code)) for code, name in NAMES.items()}


def _translations(code: str) -> gettext.NullTranslations:
    if code == "en":
        return gettext.NullTranslations()
    compiled = resources.files("kiosk") / "locale" / code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with compiled.open("rb") as file:
        return gettext.GNUTranslations(file)


def msgid(text: str) -> str:
    """Marks a text of a table for the catalogues; it is translated where it is shown."""
    return text
