"""What the tests of the screen share: one terminal and one browser a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from kiosk.notices import Notices
from tests.screen.browsing import Sight, launch, sight
from tests.screen.terminals import Terminal, terminal

NOTICES = Notices("Plant 1", "personnel@plant-1.example", punches_days=730)
_FRAME_S = 0.005  # the stand-in door's frames


@pytest.fixture(scope="module")
def served() -> Iterator[Terminal]:
    """A screen with the terminal's own languages."""
    with terminal() as one:
        yield one


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    one = launch(playwright)
    yield one
    one.close()


@pytest.fixture(scope="module")
def page(browser: Browser, served: Terminal) -> Iterator[Sight]:
    with sight(browser, served) as one:
        yield one


@pytest.fixture
def seen(page: Sight) -> Sight:
    """The page, idle."""
    page.rest()
    return page
