"""What comes of touching the page, in Debian's Chromium: actions and requests for the door."""

from __future__ import annotations

from datetime import time

from playwright.sync_api import Browser, expect

from kiosk.indicators import Signal
from kiosk.panel import (
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
from kiosk.screen.requests import DisputeRaised, EnrolmentWanted, MonthAgreed, PosePassedOver
from kiosk.screen.view import Enrolment, View
from tests.screen.browsing import Sight, done, sight
from tests.screen.scenes import AT, DIRECTIONS, NAME, RECORDS, SCENES, STAFF, TODAY
from tests.screen.terminals import Terminal, terminal


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


def test_a_punch_is_taken_back_while_seconds_are_left(browser: Browser, served: Terminal) -> None:
    with sight(browser, served, alone=True) as seen:
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
    expect(seen.page.locator("#enrol-pass")).to_be_hidden()
    seen.show(View(session=STAFF, enrolment=Enrolment(phase="capture", pose="up")))
    with seen.page.expect_response(lambda response: response.request.method == "POST"):
        seen.page.click("#enrol-pass")
    assert isinstance(seen.terminal.counter.history[-1], PosePassedOver)


def test_a_refusal_is_said_in_words(browser: Browser) -> None:
    with terminal() as closed, sight(browser, closed) as seen:
        closed.counter.opened = False
        seen.show(View(session=RECORDS))
        seen.page.wait_for_selector("text=Your session is over. Please sign in again.")
