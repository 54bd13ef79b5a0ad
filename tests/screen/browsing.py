"""Debian's Chromium on one page at 800x480, and what a person would notice on it."""

from __future__ import annotations

import gettext
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from kiosk.screen.render import panel_for
from kiosk.screen.view import View
from kiosk.words import Language
from tests.screen.conftest import Terminal
from tests.screen.scenes import Scene

_LOOKING = (Path(__file__).parent / "looking.js").read_text(encoding="utf-8")


class Pseudo(gettext.NullTranslations):
    """No language: every text in brackets, so that one without them was never translated."""

    def gettext(self, message: str) -> str:
        """The text, marked."""
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The text, marked."""
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


# A code that is written from right to left.
PSEUDO = Language("ar", "⟦pseudo⟧", Pseudo())
_MARKED = re.compile(r"⟦[^⟦⟧]*(⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧")


def unmarked(text: str) -> bool:
    """Whether letters are left when all that was translated is taken away."""
    return bool(re.search(r"[^\W\d_]", _MARKED.sub("", text)))


@dataclass(frozen=True, slots=True)
class Sight:
    """A page that shows a terminal's views, and what went wrong in it."""

    page: Page
    terminal: Terminal
    complaints: list[str] = field(default_factory=list)

    def show(self, view: View) -> None:
        """Show a view and wait until the page has it."""
        self.terminal.hub.show(view)
        self.page.evaluate("x => looking.play(x)", [self.terminal.hub.latest()[0], [], False])

    def play(self, scene: Scene) -> None:
        """Show a scene from an idle page, and tap through it."""
        if self.page.evaluate("looking.close()"):
            self.show(View())
        self.terminal.hub.show(scene.view)
        number, opens = self.terminal.hub.latest()[0], panel_for(scene.view) is not None
        self.page.evaluate("x => looking.play(x)", [number, list(scene.taps), opens])
        self.terminal.hub.actions()  # what closing told the door

    def broken(self) -> list[str]:
        """What a person would call broken."""
        return [*map(str, self.page.evaluate("looking.broken()")), *self.complaints]

    def own_texts(self) -> list[str]:
        """The page's own texts that can be seen or are read aloud."""
        return [str(text) for text in self.page.evaluate("looking.texts()")]


def chromium() -> str:
    """Debian's; skips where it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    return path


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, headless."""
    # Root may not use Chromium's sandbox; pages here are our own.
    return playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])


@contextmanager
def sight(browser: Browser, terminal: Terminal, language: str = "en") -> Iterator[Sight]:
    """The page in a language."""
    page = browser.new_page(viewport={"width": 800, "height": 480}, reduced_motion="reduce")
    one = Sight(page, terminal)
    terminal.hub.show(View())
    terminal.hub.actions()
    page.on("console", lambda message: one.complaints.append(message.text))
    page.on("pageerror", lambda error: one.complaints.append(str(error)))
    page.add_init_script(_LOOKING)
    page.goto(f"{terminal.address}?language={language}")
    page.wait_for_selector("body[data-view]")
    try:
        yield one
    finally:
        page.close()


def screenshots(tmp: Path) -> Path:
    """Where the pictures go: `KIOSK_SCREENSHOTS`, else the test's own folder."""
    folder = Path(os.environ.get("KIOSK_SCREENSHOTS", tmp))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
