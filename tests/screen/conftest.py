"""What the tests of the screen share: one terminal and one browser a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.screen.browsing import Sight, launch, sight
from tests.screen.terminals import Terminal, terminal

_PATIENCE_MS = 20_000  # no test is decided by how busy the machine is


@pytest.fixture(scope="module")
def served() -> Iterator[Terminal]:
    """A screen with the terminal's own languages."""
    with terminal() as one:
        yield one


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=_PATIENCE_MS)
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
