"""How the page behaves towards people, in Debian's Chromium: privacy, keyboard, movement, sight."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Playwright, expect

from kiosk.indicators import Signal
from kiosk.panel import (
    Closed,
    Intent,
    UndoAsked,
    Wanted,
)
from kiosk.screen.preview import Snapshot, jpeg
from kiosk.screen.server import loopback_socket
from kiosk.screen.view import View
from tests.screen.browsing import Sight, chromium, done, sight
from tests.screen.scenes import AT, DIRECTIONS, NAME, RECORDS
from tests.screen.terminals import IDLE_S, Terminal, terminal


def test_a_panel_that_somebody_left_open_makes_room_for_the_next_ones_answer(seen: Sight) -> None:
    seen.page.click("nav [data-panel=keypad]")
    seen.page.wait_for_selector("dialog[open] #pin")
    seen.show(View(signal=Signal.SEEN))
    expect(seen.page.locator("dialog")).to_be_visible()
    seen.show(View(signal=Signal.ACCEPTED, name=NAME, at=AT))
    expect(seen.page.locator("dialog")).to_be_hidden()


def test_nobody_is_cut_off_while_typing_because_the_camera_does_not_know_them(seen: Sight) -> None:
    seen.page.click("nav [data-panel=keypad]")
    seen.page.click('[data-key="4"]')
    for signal in (Signal.SEEN, Signal.TRY_AGAIN, Signal.REJECTED, Signal.IDLE):
        seen.show(View(signal=signal))
    assert seen.page.locator("#number").input_value() == "4"


def test_an_untouched_page_closes_what_is_open_and_goes_back_to_the_terminals_language(
    browser: Browser, served: Terminal
) -> None:
    with sight(browser, served, "de", alone=True) as seen:
        seen.page.clock.install()
        seen.page.reload()
        seen.show(View(session=RECORDS))
        seen.page.wait_for_selector("dialog .punches")
        seen.page.clock.fast_forward((IDLE_S - 1) * 1000)
        expect(seen.page.locator("dialog")).to_be_visible()
        seen.page.clock.fast_forward(2_000)
        seen.page.wait_for_selector("html[lang=en]")
        assert list(seen.terminal.hub.actions()) == [Closed()]


def test_the_language_is_switched_with_one_tap_each(browser: Browser, served: Terminal) -> None:
    with sight(browser, served) as seen:
        seen.page.click("header [data-panel=languages]")
        seen.page.click("dialog a[lang=zh-CN]")
        seen.page.wait_for_selector("html[lang=zh-CN]")
        expect(seen.page.locator("nav")).to_contain_text("我的记录")


def test_the_keyboard_goes_through_the_page_in_the_order_of_reading(
    browser: Browser, served: Terminal
) -> None:
    with sight(browser, served) as seen:
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


def test_a_button_under_a_finger_is_not_replaced_when_the_view_changes(seen: Sight) -> None:
    seen.show(View(signal=Signal.ACCEPTED, name=NAME, at=AT, undo_s=600))
    seen.page.locator("#undo").hover()
    with seen.page.expect_response(lambda response: "/actions/" in response.url):
        seen.page.mouse.down()
        seen.show(View(signal=Signal.ACCEPTED, name="Zoë", at=AT, undo_s=600))
        seen.page.mouse.up()
    assert list(seen.terminal.hub.actions()) == [UndoAsked()]
    expect(seen.page.locator(".name")).to_have_text("Zoë")


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
