"""Two threads and what lies between them: nothing waits, nothing piles up, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import date, timedelta

import numpy as np
import pytest
from starlette.requests import Request as Http
from starlette.responses import StreamingResponse

from kiosk.indicators import Signal
from kiosk.notices import Notices
from kiosk.panel import Chose, Closed, UndoAsked
from kiosk.screen.app import Site
from kiosk.screen.desk import Desk, DeskError
from kiosk.screen.hub import Hub
from kiosk.screen.preview import Snapshot, jpeg
from kiosk.screen.requests import Answer, Day, DayWanted, Refused, Request
from kiosk.screen.standin import StandInCounter
from kiosk.screen.view import NoScreen, Screen, View
from kiosk.words import languages
from store.errors import StoreError

TODAY = date(2026, 11, 24)


def test_a_hub_is_a_screen_and_so_is_none() -> None:
    screens: list[Screen] = [Hub(), NoScreen()]
    assert [screen.identifies for screen in screens] == [True, False]


def test_actions_come_in_their_order_and_once() -> None:
    hub = Hub()
    assert all(hub.do(action) for action in (Chose("in"), UndoAsked(), Closed()))
    assert hub.actions() == [Chose("in"), UndoAsked(), Closed()]
    assert hub.actions() == []


def test_a_page_waits_for_the_next_view_and_misses_none() -> None:
    hub = Hub()

    async def watch() -> list[Signal]:
        hub.attach(asyncio.get_running_loop())
        number, view = await hub.newer_than(-1, 5)
        seen = [view.signal]
        for signal in (Signal.SEEN, Signal.ACCEPTED, Signal.IDLE):
            door = threading.Thread(target=hub.show, args=(View(signal=signal),))
            door.start()
            number, view = await hub.newer_than(number, 5)
            seen.append(view.signal)
            door.join()
        hub.attach(None)
        return seen

    assert asyncio.run(watch()) == [Signal.IDLE, Signal.SEEN, Signal.ACCEPTED, Signal.IDLE]


def test_the_same_view_again_is_no_news() -> None:
    hub = Hub()
    hub.show(View(signal=Signal.SEEN))
    number = hub.latest()[0]
    hub.show(View(signal=Signal.SEEN))
    assert hub.latest()[0] == number


def test_a_screen_whose_server_has_ended_holds_the_door_up_for_nothing() -> None:
    hub = Hub()

    async def end() -> None:
        hub.attach(asyncio.get_running_loop())
        hub.attach(None)

    asyncio.run(end())
    hub.show(View(signal=Signal.SEEN))
    assert hub.latest()[1].signal is Signal.SEEN


def test_only_the_newest_frame_is_kept() -> None:
    hub = Hub()
    assert hub.snapshot() is None
    for grey in (10, 200):
        hub.frame(np.full((48, 64, 3), grey, dtype=np.uint8), ())
    newest = hub.snapshot()
    assert newest is not None
    assert (newest.serial, int(newest.image[0, 0, 0])) == (2, 200)


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (640, 480), (48, 1000), (1, 1)])
def test_a_frame_of_any_size_becomes_a_picture(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), dtype=np.uint8)
    assert jpeg(Snapshot(1, image, ((-50.0, 3.0, 9000.0, 2.0),))).startswith(b"\xff\xd8")


def test_a_page_gets_each_frame_once_and_no_more_of_them_than_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub, slept = Hub(), list[float]()
    notices = Notices(punches_days=730)
    site = Site(
        hub,
        languages(),
        notices,
        language="en",
        token="t",  # noqa: S106 (of a page that nobody serves)
        zone="UTC",
        idle_s=30,
        preview_fps=8,
    )

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) in (3, 4):  # two frames with three pauses before, none between
            hub.frame(np.full((480, 640, 3), len(slept), dtype=np.uint8), ())
        site.ending = len(slept) == 8

    async def frames() -> list[bytes]:
        response = await site.preview(Http({"type": "http"}))
        assert isinstance(response, StreamingResponse)
        return [part async for part in response.body_iterator if isinstance(part, bytes)]

    monkeypatch.setattr("kiosk.screen.app.asyncio.sleep", sleep)
    parts = asyncio.run(frames())
    assert [part[:2] for part in parts] == [b"--", b"\xff\xd8", b"\xff\xd8"]
    assert slept == [1 / 8] * 8, "a pause between any two looks at the newest frame"


def ask(desk: Desk, request: Request, counter: StandInCounter | Failing) -> Answer:
    """What the page gets when the door serves once while the page waits."""

    async def asking() -> Answer:
        waiting = asyncio.ensure_future(desk.ask(request))
        await asyncio.sleep(0)  # the request lies on the desk
        with contextlib.suppress(StoreError):
            desk.serve(counter)
        return await waiting

    return asyncio.run(asking())


class Failing:
    """A door whose disk is full."""

    def answer(self, request: Request) -> Answer:
        raise StoreError("the disk is full")


def test_a_request_is_answered_by_the_thread_that_serves() -> None:
    counter = StandInCounter(TODAY, timedelta(days=90))
    answer = ask(Desk(), DayWanted(), counter)
    assert isinstance(answer, Day)
    assert answer.day == TODAY
    outside = ask(Desk(), DayWanted(day=TODAY - timedelta(days=91)), counter)
    assert outside == Refused(reason="no_such_day")


def test_what_an_answer_raises_reaches_the_page_in_words_and_the_door_as_it_is() -> None:
    with pytest.raises(DeskError, match="the door could not answer: StoreError"):
        ask(Desk(), DayWanted(), Failing())

    async def door() -> None:
        desk = Desk()
        waiting = asyncio.ensure_future(desk.ask(DayWanted()))
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="the disk is full"):
            desk.serve(Failing())
        with pytest.raises(DeskError):
            await waiting

    asyncio.run(door())


def test_a_request_that_the_door_never_answers_ends_in_words_and_is_not_answered_later() -> None:
    desk, counter = Desk(patience_s=0.01), StandInCounter(TODAY, timedelta(days=90))
    with pytest.raises(DeskError, match="did not answer in time"):
        asyncio.run(desk.ask(DayWanted()))
    desk.serve(counter)
    assert counter.history == []


def test_too_many_requests_are_turned_away() -> None:
    desk = Desk(patience_s=0.05)

    async def flood() -> list[BaseException | Answer]:
        asked = [desk.ask(DayWanted()) for _ in range(20)]
        return await asyncio.gather(*asked, return_exceptions=True)

    said = [str(error) for error in asyncio.run(flood())]
    assert sum("too many requests" in text for text in said) == 4
