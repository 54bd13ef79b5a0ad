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

from kiosk.panel import Action
from kiosk.screen.render import panel_for
from kiosk.screen.view import View
from kiosk.words import Language
from tests.screen.scenes import Scene
from tests.screen.terminals import Terminal

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

    def rest(self) -> None:
        """Close what is open, the door's first, which says nothing; forget what was done."""
        self.show(View())
        self.page.evaluate("looking.close()")
        self.terminal.hub.actions()
        self.complaints.clear()

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
def sight(
    browser: Browser, terminal: Terminal, language: str = "en", *, alone: bool = False
) -> Iterator[Sight]:
    """The page in a language; `alone`, where what a test does to it would reach other pages."""
    if alone or not browser.contexts:
        profile = browser.new_context(
            viewport={"width": 800, "height": 480}, reduced_motion="reduce"
        )
    else:
        profile = browser.contexts[0]
    page = profile.new_page()
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
        (profile if alone else page).close()


def keep_picture(seen: Sight, name: str) -> None:
    """Into the folder that `KIOSK_SCREENSHOTS` names, for people to look at."""
    folder = os.environ.get("KIOSK_SCREENSHOTS")
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=Path(folder) / f"{name}.png")


def done(seen: Sight, button: str) -> list[Action]:
    """What the door is told when that is tapped, or that key pressed (`key:Escape`)."""
    with seen.page.expect_response(lambda response: "/actions/" in response.url):
        if button.startswith("key:"):
            seen.page.keyboard.press(button.removeprefix("key:"))
        else:
            seen.page.click(button)
    return list(seen.terminal.hub.actions())
