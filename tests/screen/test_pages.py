"""Every page in every language, in Debian's Chromium at 800x480."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from kiosk.words import NAMES, languages, words
from tests.screen.accessibility import axe
from tests.screen.browsing import PSEUDO, Sight, keep_picture, sight, unmarked
from tests.screen.scenes import SCENES
from tests.screen.terminals import Terminal, terminal


@pytest.fixture(scope="module")
def shown() -> Iterator[Terminal]:
    """A terminal that speaks its languages and one that is none."""
    with terminal(spoken={**languages(), PSEUDO.code: PSEUDO}) as one:
        image = np.full((480, 640, 3), (96, 104, 110), dtype=np.uint8)
        cv2.ellipse(image, (320, 230), (80, 105), 0, 0, 360, (150, 175, 215), -1)
        one.hub.frame(image, ())
        yield one


@pytest.mark.parametrize("language", NAMES)
def test_every_page_is_whole_and_says_what_it_should(
    language: str, browser: Browser, shown: Terminal
) -> None:
    spoken, wrong = words(language), dict[str, list[str]]()
    with sight(browser, shown, language) as seen:
        assert seen.page.locator("html").get_attribute("lang") == language.replace("_", "-")
        for name, scene in SCENES.items():
            seen.play(scene)
            found = seen.broken()
            page = seen.page.inner_text("dialog[open]" if _over(seen) else "body")
            found += [text for text in scene.texts if spoken.gettext(text) not in page]
            keep_picture(seen, f"{name}.{language}")
            if found:
                wrong[name] = found
    assert wrong == {}


def test_nothing_is_left_untranslated_and_all_of_it_turns_from_right_to_left(
    browser: Browser, shown: Terminal
) -> None:
    wrong: dict[str, list[str]] = {}
    with sight(browser, shown, PSEUDO.code) as seen:
        assert seen.page.locator("html").get_attribute("dir") == "rtl"
        for name, scene in SCENES.items():
            seen.play(scene)
            found = seen.broken() + [text for text in seen.own_texts() if unmarked(text)]
            if found:
                wrong[name] = found
        seen.play(SCENES["signal-accepted"])
        starts = {
            part: seen.page.locator(part).evaluate("e => e.getBoundingClientRect().x")
            for part in ("#picture", "#stage", ".when", "header button")
        }
        keep_picture(seen, "signal-accepted.rtl")
    assert wrong == {}
    assert starts["#picture"] > starts["#stage"], "the picture stands where reading begins"
    assert starts[".when"] > starts["header button"]


def test_axe_has_nothing_serious_to_say_of_any_page(browser: Browser, shown: Terminal) -> None:
    script, serious = axe(), {}
    with sight(browser, shown) as seen:
        seen.page.evaluate(script)  # through the debugger: the page's own policy refuses scripts
        for name, scene in SCENES.items():
            seen.play(scene)
            found = seen.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
            for violation in found:
                if violation["impact"] in ("serious", "critical"):
                    targets = [node["target"] for node in violation["nodes"]]
                    serious[f"{name}: {violation['id']}"] = targets
        assert seen.page.evaluate("axe.version")
    assert serious == {}


def _over(seen: Sight) -> bool:
    return seen.page.locator("dialog[open]").count() > 0


def test_what_is_broken_is_found(browser: Browser, shown: Terminal) -> None:
    """The look at every page can fail: a page is broken in each way, one after the other."""
    with sight(browser, shown) as seen:
        for how, found in (
            ("h1.style.inlineSize = '900px'", "beyond the side"),
            ("h1.style.blockSize = '600px'", "below"),
            ("button.style.blockSize = button.style.minBlockSize = '40px'", "small target"),
            ("h1.style.inlineSize = '60px'", "a word is broken"),
            ("h1.textContent = 'Lorem ipsum dolor '.repeat(40)", "cut off"),
        ):
            seen.rest()
            seen.show(SCENES["signal-rejected"].view)
            assert seen.broken() == []
            first = "const h1 = stage.querySelector('h1'), button = stage.querySelector('button')"
            seen.page.evaluate(
                f"{{const stage = document.getElementById('stage'); {first}; {how}}}"
            )
            assert found in " ".join(seen.broken()), how
