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

SIZE = {"width": 800, "height": 480}
LEAST_TARGET_PX = 48
_CLOSE = (
    "(b => b !== null && (b.click(), true))(document.querySelector('dialog[open] [data-close]'))"
)
# Waiting for what the page itself says of its state; the debugger's own waiting takes longer.
_PLAY = """async ([view, taps, opens]) => {
  const until = async (ready) => { while (!ready()) await new Promise((go) => setTimeout(go, 2)); };
  const dialog = document.querySelector("dialog");
  const settled = () => dialog.open && dialog.ariaBusy !== "true";
  await until(() => document.body.dataset.view === String(view));
  if (opens) await until(settled);
  for (const tap of taps) {
    document.querySelector(tap).click();
    await until(settled);
  }
}"""

# What a person would call broken: something beyond the edge, cut off, or too small for a glove.
_BROKEN = """() => {
  const found = [];
  const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} "${e.textContent.trim().slice(0, 40)}"`;
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) found.push("the page scrolls");
  const dialog = document.querySelector("dialog[open]");
  const shown = dialog ?? document.body;
  for (const e of shown.querySelectorAll("*")) {
    if (e.closest("svg, .unseen, #said, [hidden]") || !e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    if (box.left < -0.5 || box.right > innerWidth + 0.5) found.push(`beyond the side: ${name(e)}`);
    const scrolled = e.closest(".reading");
    if (!scrolled && (box.top < -0.5 || box.bottom > innerHeight + 0.5)) found.push(`below: ${name(e)}`);
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== "inline")
      found.push(`too wide: ${name(e)}`);
    const cut = getComputedStyle(e).overflowY === "hidden" || e.matches("button, section, main, dialog");
    if (cut && e.scrollHeight > e.clientHeight + 1) found.push(`cut off: ${name(e)}`);
    if (e.matches("button, a, select, input:not([type=hidden], [type=radio]), label.choice"))
      if (box.height < LEAST || box.width < LEAST) found.push(`small target: ${name(e)}`);
  }
  return found;
}""".replace("LEAST", str(LEAST_TARGET_PX))

# Texts of the page's own: not what people are called, what they wrote, numbers and dates, and keys.
_OWN_TEXTS = """() => {
  const found = [];
  const root = document.querySelector("dialog[open]") ?? document.body;
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const others = "bdi, q, code, time, .keys, .marked, option[lang], a[lang], dd:not(.said), " +
    "[data-clock], [data-date], [data-month], [data-weekday], [data-minutes], script";
  for (let n = walk.nextNode(); n; n = walk.nextNode())
    if (!n.parentElement.closest(others)) {
      const whole = n.parentElement.querySelector("[data-countdown]") ? n.parentElement : n;
      if (whole.textContent.trim()) found.push(whole.textContent.trim());
    }
  for (const e of root.querySelectorAll("[aria-label]"))
    if (!e.closest(".marked")) found.push(e.getAttribute("aria-label"));
  return found;
}"""


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
        self.page.evaluate(_PLAY, [self.terminal.hub.latest()[0], [], False])

    def play(self, scene: Scene) -> None:
        """Show a scene from an idle page, and tap through it."""
        if self.page.evaluate(_CLOSE):
            self.show(View())
        self.terminal.hub.show(scene.view)
        number, opens = self.terminal.hub.latest()[0], panel_for(scene.view) is not None
        self.page.evaluate(_PLAY, [number, list(scene.taps), opens])
        self.terminal.hub.actions()  # what closing told the door

    def broken(self) -> list[str]:
        """What a person would call broken."""
        return [*map(str, self.page.evaluate(_BROKEN)), *self.complaints]

    def own_texts(self) -> list[str]:
        """The page's own texts that can be seen or are read aloud."""
        return [str(text) for text in self.page.evaluate(_OWN_TEXTS)]


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, headless; skips where it is not installed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    # Root may not use Chromium's sandbox; pages here are our own.
    return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@contextmanager
def sight(browser: Browser, terminal: Terminal, language: str = "en") -> Iterator[Sight]:
    """The page in a language."""
    page = browser.new_page(viewport={"width": 800, "height": 480}, reduced_motion="reduce")
    one = Sight(page, terminal)
    terminal.hub.show(View())
    page.on("console", lambda message: one.complaints.append(message.text))
    page.on("pageerror", lambda error: one.complaints.append(str(error)))
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
