"""What comes of touching the page, in Debian's Chromium: actions for the door, and privacy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from kiosk.indicators import Signal
from kiosk.panel import (
    Action,
    Agreed,
    Chose,
    Closed,
    Declared,
    Declined,
    Intent,
    Typed,
    UndoAsked,
    Wanted,
)
from kiosk.screen.preview import Snapshot, jpeg
from kiosk.screen.requests import DisputeRaised, EnrolmentWanted, MonthAgreed
from kiosk.screen.server import loopback_socket
from kiosk.screen.view import Enrolment, View
from tests.screen.browsing import Sight, chromium, launch, sight
from tests.screen.conftest import Terminal, terminal
from tests.screen.scenes import AT, DIRECTIONS, NAME, RECORDS, SCENES, STAFF, TODAY


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    one = launch(playwright)
    yield one
    one.close()


@pytest.fixture
def seen(browser: Browser, served: Terminal) -> Iterator[Sight]:
    with sight(browser, served) as one:
        yield one


def done(seen: Sight, button: str) -> list[Action]:
    """What the door is told when that is tapped, or that key pressed (`key:Escape`)."""
    with seen.page.expect_response(lambda response: "/actions/" in response.url):
        if button.startswith("key:"):
            seen.page.keyboard.press(button.removeprefix("key:"))
        else:
            seen.page.click(button)
    return list(seen.terminal.hub.actions())


def test_each_direction_button_chooses_its_direction(seen: Sight) -> None:
    seen.show(View(directions=DIRECTIONS))
    for direction in DIRECTIONS:
        assert done(seen, f"#direction-{direction}") == [Chose(direction)]


def test_the_number_and_pin_are_typed_on_the_screens_own_keys(seen: Sight) -> None:
    seen.page.click("nav [data-panel=keypad]")
    number, pin = seen.page.locator("#number"), seen.page.locator("#pin")
    expect(number).to_be_focused()
    for key in ("4", "7", "1", "9", "back", "1"):
        seen.page.click(f'[data-key="{key}"]')
    pin.focus()
    for key in "2580":
        seen.page.click(f'[data-key="{key}"]')
    assert number.input_value() == "4711"
    assert pin.get_attribute("type") == "password"
    assert done(seen, "dialog [type=submit]") == [Typed("4711", "2580")]
    expect(seen.page.locator("dialog")).to_be_hidden()
    assert seen.page.locator("#pin").count() == 0, "nothing typed stays in the page"


def test_who_forgot_both_says_their_number(seen: Sight) -> None:
    seen.show(View(signal=Signal.REJECTED))
    seen.page.click("#offer-declare")
    seen.page.click('[data-key="7"]')
    assert done(seen, "dialog [type=submit]") == [Declared("7")]


def test_a_punch_is_taken_back_while_seconds_are_left(seen: Sight) -> None:
    seen.page.clock.install()
    seen.show(View(signal=Signal.ACCEPTED, name=NAME, at=AT, undo_s=9))
    seen.page.reload()
    seen.page.wait_for_selector("#undo")
    seen.page.clock.run_for(3000)
    expect(seen.page.locator("#undo")).to_have_text("Take back (6 s)")
    assert done(seen, "#undo") == [UndoAsked()]
    seen.page.clock.run_for(6000)
    expect(seen.page.locator("#undo")).to_have_count(0)


def test_records_and_staff_are_asked_for_and_taken_back(seen: Sight) -> None:
    assert done(seen, "nav [data-intent=records]") == [Wanted(Intent.RECORDS)]
    assert done(seen, "nav [data-intent=staff]") == [Wanted(Intent.STAFF)]
    seen.show(View(intent=Intent.STAFF))
    assert done(seen, "#offer-cancel") == [Wanted(Intent.PUNCH)]


def test_the_notice_that_is_asked_about_is_agreed_to_or_not(seen: Sight) -> None:
    seen.play(SCENES["panel-notice-asked"])
    assert done(seen, "[data-action=agreed]") == [Agreed("2026-11-01")]
    seen.show(View())
    seen.play(SCENES["panel-notice-asked"])
    assert done(seen, "[data-close]") == [Declined()], "closing it is no agreement"


def test_a_session_opens_its_panel_and_closing_the_panel_ends_it(seen: Sight) -> None:
    seen.show(View(session=RECORDS))
    seen.page.wait_for_selector("dialog .punches")
    assert done(seen, "key:Escape") == [Closed()]
    expect(seen.page.locator("dialog")).to_be_hidden()
    seen.show(View())
    seen.show(View(session=STAFF))
    seen.page.wait_for_selector("dialog .choices")
    seen.show(View())
    expect(seen.page.locator("dialog")).to_be_hidden()


def test_a_dispute_says_what_when_and_why(seen: Sight) -> None:
    seen.play(SCENES["panel-dispute"])
    for minutes in ("-60", "-5", "60", "5", "60"):
        seen.page.click(f'[data-minutes="{minutes}"]')
    seen.page.locator("#reason").focus()
    for key in ("shift", "b", "shift", "u", "s", " ", "more", "7"):
        seen.page.click(f'[data-key="{key}"] >> visible=true')
    seen.page.click("dialog [type=submit]")
    seen.page.wait_for_selector("text=not answered yet")
    asked = seen.terminal.counter.history[-1]
    assert asked == DisputeRaised(
        day=TODAY, about="a", claim="wrong_time", should_be=time(8, 58), reason="Bus 7"
    )


def test_a_month_is_confirmed_by_what_was_shown(seen: Sight) -> None:
    seen.play(SCENES["panel-month-over"])
    seen.page.click("dialog .offers button.main")
    seen.page.wait_for_selector("text=You confirmed this month.")
    asked = seen.terminal.counter.history[-1]
    assert isinstance(asked, MonthAgreed)
    assert asked.month == "2026-10"


def test_consent_is_read_in_the_persons_language_before_an_enrolment_begins(seen: Sight) -> None:
    seen.play(SCENES["panel-enrol"])
    seen.page.fill("#number", "2002")
    seen.page.fill("#name", "Jürgen Groß")
    seen.page.select_option("#language", "de")
    seen.page.select_option("#identity_check", "badge")
    seen.page.click("dialog [type=submit]")
    seen.page.wait_for_selector("dialog [lang=de] >> text=Ich stimme zu")
    assert not [r for r in seen.terminal.counter.history if isinstance(r, EnrolmentWanted)]
    seen.page.click("dialog [type=submit]")
    expect(seen.page.locator("dialog")).to_be_hidden()
    asked = seen.terminal.counter.history[-1]
    assert isinstance(asked, EnrolmentWanted)
    assert (asked.number, asked.name, asked.language) == ("2002", "Jürgen Groß", "de")
    assert asked.identity_check == "badge"
    assert asked.version
    seen.show(View(session=STAFF, enrolment=Enrolment(phase="capture", good=2)))
    expect(seen.page.locator("#good")).to_have_attribute("value", "2")


def test_a_refusal_is_said_in_words(browser: Browser) -> None:
    with terminal() as closed, sight(browser, closed) as seen:
        closed.counter.opened = False
        seen.show(View(session=RECORDS))
        seen.page.wait_for_selector("text=Your session is over. Please sign in again.")


def test_a_panel_that_somebody_left_open_makes_room_for_the_next_ones_answer(seen: Sight) -> None:
    seen.page.click("nav [data-panel=keypad]")
    seen.page.wait_for_selector("dialog[open] #pin")
    seen.show(View(signal=Signal.SEEN))
    expect(seen.page.locator("dialog")).to_be_visible()
    seen.show(View(signal=Signal.ACCEPTED, name=NAME, at=AT))
    expect(seen.page.locator("dialog")).to_be_hidden()


def test_an_untouched_page_closes_what_is_open_and_goes_back_to_the_terminals_language(
    browser: Browser, served: Terminal
) -> None:
    with sight(browser, served, "de") as seen:
        seen.page.clock.install()
        seen.page.reload()
        seen.show(View(session=RECORDS))
        seen.page.wait_for_selector("dialog .punches")
        seen.page.clock.run_for(29_000)
        expect(seen.page.locator("dialog")).to_be_visible()
        seen.page.clock.run_for(1_500)
        seen.page.wait_for_selector("html[lang=en]")
        assert list(seen.terminal.hub.actions()) == [Closed()]


def test_the_language_is_switched_with_one_tap_each(seen: Sight) -> None:
    seen.page.click("header [data-panel=languages]")
    seen.page.click("dialog a[lang=zh-CN]")
    seen.page.wait_for_selector("html[lang=zh-CN]")
    expect(seen.page.locator("nav")).to_contain_text("我的记录")


def test_the_keyboard_goes_through_the_page_in_the_order_of_reading(seen: Sight) -> None:
    seen.show(View(directions=DIRECTIONS[:2]))
    reached = []
    for _ in range(7):
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.textContent.trim()"))
    assert reached == ["English", "In", "Out", "Badge or PIN", "My records", "Privacy", "Staff"]
    assert done(seen, "key:Enter") == [Wanted(Intent.STAFF)]


def test_a_focused_button_keeps_the_focus_when_the_view_changes(seen: Sight) -> None:
    seen.show(View(directions=DIRECTIONS))
    seen.page.focus("#direction-out")
    seen.show(View(directions=DIRECTIONS, chosen="out"))
    assert seen.page.evaluate("document.activeElement.id") == "direction-out"
    expect(seen.page.locator("#direction-out")).to_have_attribute("aria-pressed", "true")


def test_nothing_moves_for_whom_movement_is_too_much(browser: Browser, served: Terminal) -> None:
    served.hub.show(View(signal=Signal.REJECTED))
    moving = "getComputedStyle(document.getElementById('stage').firstElementChild).animationName"
    with sight(browser, served) as seen:
        assert seen.page.evaluate(moving) == "none"
        seen.page.emulate_media(reduced_motion="no-preference")
        seen.show(View(signal=Signal.SEEN))
        assert seen.page.evaluate(moving) == "arrive"


def test_the_answer_is_read_aloud(seen: Sight) -> None:
    seen.show(View(signal=Signal.REJECTED))
    said = seen.page.locator("[role=status]")
    expect(said).to_have_text("Not recognised. Please use your badge or PIN.")


def test_the_preview_is_mirrored_and_only_there_when_somebody_is(seen: Sight) -> None:
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    image[:, 320:] = 255  # white on the camera's right
    seen.terminal.hub.frame(image, ())
    expect(seen.page.locator("#picture")).to_be_hidden()
    seen.show(View(signal=Signal.SEEN))
    seen.page.wait_for_selector("#preview >> visible=true")
    preview = seen.page.locator("#preview")
    seen.page.wait_for_selector("body[data-picture=true]")
    expect(preview).to_have_js_property("naturalWidth", 320)
    picture = preview.screenshot()
    assert _left_is_white(picture)
    seen.show(View())
    expect(seen.page.locator("#picture")).to_be_hidden()
    assert preview.get_attribute("src") is None


def _left_is_white(png: bytes) -> bool:
    image = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    width = image.shape[1]
    return bool(image[:, : width // 4].mean() > image[:, -width // 4 :].mean() + 60)


def test_no_frame_of_the_preview_is_kept_by_the_browser(
    playwright: Playwright, served: Terminal, tmp_path: Path
) -> None:
    noise = np.random.default_rng(6).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    sent = jpeg(Snapshot(1, noise))
    kept = tmp_path / "profile"
    profile = playwright.chromium.launch_persistent_context(
        kept, executable_path=chromium(), args=["--no-sandbox"]
    )
    served.hub.show(View(signal=Signal.SEEN))
    served.hub.frame(noise, ())
    page = profile.new_page()
    page.goto(served.address)
    expect(page.locator("#preview")).to_have_js_property("naturalWidth", 320)
    profile.close()
    assert (kept / "Default").is_dir(), "it does keep other things"
    assert holders(kept, sent) == []
    (kept / "Default" / "cached").write_bytes(b"..." + sent)
    assert holders(kept, sent) == ["cached"], "a kept frame would have been found"


def holders(folder: Path, picture: bytes) -> list[str]:
    """The files under a folder that hold the middle of a picture."""
    middle = picture[len(picture) // 2 :][:32]
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return [file.name for file in files if middle in file.read_bytes()]


def test_names_and_reasons_are_text_and_never_markup(seen: Sight) -> None:
    name = "<img src=x onerror=alert(1)> & Söhne"
    seen.show(View(signal=Signal.ACCEPTED, name=name))
    expect(seen.page.locator(".name")).to_have_text(name)
    assert seen.complaints == []


def test_a_page_of_an_earlier_start_loads_itself_anew(browser: Browser) -> None:
    """Its token is no longer good: without that, nothing that is touched would do anything."""
    listening = loopback_socket(0, {})
    again = listening.dup()  # as systemd keeps it while kiosk starts anew
    with ExitStack() as first_start:
        first = first_start.enter_context(terminal(listening=listening))
        seen = first_start.enter_context(sight(browser, first))
        token = seen.page.get_attribute("meta[name=kiosk-token]", "content")
        first.end()
        with terminal(listening=again) as second:
            other = f"meta[name=kiosk-token]:not([content='{token}'])"
            seen.page.wait_for_selector(other, state="attached")
            assert done(replace(seen, terminal=second), "nav [data-intent=staff]")
