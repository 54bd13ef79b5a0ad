"""The routes of the page.

`/` is the page, `/events` the views as server-sent events, `/preview` the camera's picture,
`/panels/…` what opens over the stage, `/actions/…` and `/requests` what people do. `language` is in
every address: the server remembers nothing of a page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as Http
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kiosk.log import complain
from kiosk.notices import Notices
from kiosk.panel import Action, Agreed, Chose, Closed, Declared, Declined, Intent, Typed, UndoAsked
from kiosk.panel import Wanted as WantedAction
from kiosk.screen.desk import DeskError
from kiosk.screen.guard import Guard
from kiosk.screen.hub import Hub
from kiosk.screen.preview import jpeg
from kiosk.screen.render import Pages, panel_for
from kiosk.screen.requests import (
    Answer,
    ConditionWanted,
    DayWanted,
    Done,
    MonthWanted,
    OversightWanted,
    Refused,
    Request,
)
from kiosk.screen.view import View
from kiosk.words import Language
from store.records import Direction

_MOST_BYTES = 8192  # of what a page sends; a dispute's reason has 1000 characters
_HEARTBEAT_S = 15.0  # a comment, so that a page that has gone is noticed
_PREVIEW = "multipart/x-mixed-replace; boundary=frame"
_NEXT_PART = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
_DIRECTION: TypeAdapter[Direction] = TypeAdapter(Direction)
_INTENTS = {"punch": Intent.PUNCH, "records": Intent.RECORDS, "staff": Intent.STAFF}
# The idle terminal shows nobody, and one that is out of order has nothing to show.
_WITHOUT_PICTURE = frozenset({"IDLE", "BADGE_ONLY", "FAULT"})
_PLAIN_PANELS = frozenset({"keypad", "declare", "languages", "staff", "enrol"})


class Site:
    """What the routes share: the hub, the pages of each language, and the page's own settings."""

    def __init__(
        self,
        hub: Hub,
        languages: dict[str, Language],
        notices: Notices,
        *,
        language: str,
        token: str,
        zone: str,
        idle_s: float,
        preview_fps: float,
    ) -> None:
        self.hub, self.token, self.zone, self.idle_s = hub, token, zone, idle_s
        self.preview_fps, self.language = preview_fps, language
        others = tuple(languages.values())
        self.pages = {code: Pages(own, others, notices) for code, own in languages.items()}
        self.ending = False

    def of(self, http: Http) -> Pages:
        """The pages in the language that was asked for, else in the terminal's."""
        code = http.query_params.get("language", self.language)
        return self.pages.get(code, self.pages[self.language])

    # -- the page and what it shows -----------------------------------------------------------

    async def page(self, http: Http) -> Response:
        """The whole page."""
        view = self.hub.latest()[1]
        own = self.of(http)
        return HTMLResponse(
            own.page(token=self.token, zone=self.zone, idle_s=self.idle_s, view=view)
        )

    async def events(self, http: Http) -> Response:
        """Each new view, as server-sent events."""
        return StreamingResponse(self._views(self.of(http)), media_type="text/event-stream")

    async def _views(self, pages: Pages) -> AsyncIterator[bytes]:
        shown = -1
        yield b"retry: 500\n\n"  # milliseconds until a page that lost us looks for us again
        while not self.ending:
            number, view = await self.hub.newer_than(shown, _HEARTBEAT_S)
            if number == shown:
                yield b": still here\n\n"
            else:
                shown = number
                data = json.dumps({"number": number, **_event(pages, view)})
                yield f"event: view\ndata: {data}\n\n".encode()

    async def preview(self, _: Http) -> Response:
        """The newest frames, as JPEG parts that replace each other."""
        return StreamingResponse(self._frames(), media_type=_PREVIEW)

    async def _frames(self) -> AsyncIterator[bytes]:
        shown = 0
        yield _NEXT_PART
        while not self.ending:
            newest = self.hub.snapshot()
            if newest is not None and newest.serial != shown:
                shown = newest.serial
                # With the next part's head: Chromium shows a part once it has ended.
                yield jpeg(newest) + b"\r\n" + _NEXT_PART
            await asyncio.sleep(1 / self.preview_fps)

    # -- panels -------------------------------------------------------------------------------

    async def panel(self, http: Http) -> Response:
        """A panel that opens over the stage."""
        pages, name, query = self.of(http), http.path_params["name"], http.query_params
        view = self.hub.latest()[1]
        if name in _PLAIN_PANELS:
            return HTMLResponse(pages.panel(name, view=view))
        if name == "notice":
            asked = query.get("asked")
            return HTMLResponse(pages.notice(asked if asked == view.notice else None))
        try:
            request = _asked(name, query.get("day"), query.get("month"))
        except (ValueError, KeyError):
            return PlainTextResponse("there is no such panel", 404)
        answer = await self._ask(request)
        if name == "dispute" and not isinstance(answer, Refused):
            about = query.get("about")
            return HTMLResponse(pages.panel("dispute", a=answer, about=about))
        return self._answered(pages, answer)

    async def consent(self, http: Http) -> Response:
        """The notice in the language of whoever is about to be enrolled."""
        given = await _body(http)
        if given is None or not str(given.get("number", "")).strip():
            return self._answered(self.of(http), Refused(reason="invalid"))
        known = {key: str(given.get(key, "")) for key in ("number", "name", "language")}
        known["identity_check"] = str(given.get("identity_check", ""))
        pages = self.pages.get(known["language"], self.of(http))
        return HTMLResponse(pages.consent(known))

    # -- what people do -----------------------------------------------------------------------

    async def act(self, http: Http) -> Response:
        """An action for the door; answered at once, what follows is in the next view."""
        body = await _body(http)
        try:
            action = _action(http.path_params["name"], body or {})
        except (KeyError, ValidationError):
            return PlainTextResponse("there is no such action", 422)
        if not self.hub.do(action):
            return PlainTextResponse("the door takes no more at the moment", 503)
        return Response(status_code=204)

    async def request(self, http: Http) -> Response:
        """A request that the door answers; what the form lacks is said in the page's words."""
        pages, body = self.of(http), await _body(http)
        try:
            request = _REQUEST.validate_python({k: v for k, v in (body or {}).items() if v != ""})
        except ValidationError:
            return self._answered(pages, Refused(reason="invalid"))
        answer = await self._ask(request)
        if isinstance(answer, Done):
            return Response(status_code=204)
        return self._answered(pages, answer)

    def _answered(self, pages: Pages, answer: Answer) -> Response:
        return HTMLResponse(pages.answer(answer, self.hub.latest()[1]))

    async def _ask(self, request: Request) -> Answer:
        try:
            return await self.hub.desk.ask(request)
        except DeskError as error:
            complain("screen_request_failed", request=request.kind, why=str(error))
            return Refused(reason="busy")


def build(site: Site, port: int) -> Starlette:
    """The application, guarded."""
    routes = [
        Route("/", site.page),
        Route("/events", site.events),
        Route("/preview", site.preview),
        Route("/panels/{name}", site.panel),
        Route("/consent", site.consent, methods=["POST"]),
        Route("/actions/{name}", site.act, methods=["POST"]),
        Route("/requests", site.request, methods=["POST"]),
        Mount("/static", StaticFiles(packages=[("kiosk.screen", "static")])),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, port=port, token=site.token)],
        exception_handlers={Exception: _failed},
    )


async def _failed(_: Http, error: Exception) -> Response:
    """Named by its kind only: an error's text may hold what somebody typed."""
    complain("screen_failed", error=type(error).__name__)
    return PlainTextResponse("the page failed", 500)


def _event(pages: Pages, view: View) -> dict[str, Any]:
    return {
        "stage": pages.stage(view),
        "status": pages.status(view),
        "signal": view.signal.name,
        "picture": view.signal.name not in _WITHOUT_PICTURE or view.enrolment is not None,
        "panel": panel_for(view),
    }


def _asked(name: str, day: str | None, month: str | None) -> Request:
    match name:
        case "day" | "dispute":
            return DayWanted(day=date.fromisoformat(day) if day else None)
        case "month":
            return MonthWanted(month=month)
        case "oversight":
            return OversightWanted()
        case "condition":
            return ConditionWanted()
        case _:
            raise KeyError(name)


def _action(name: str, body: dict[str, Any]) -> Action:
    makers: dict[str, Callable[[], Action]] = {
        "chose": lambda: Chose(_DIRECTION.validate_python(body["direction"])),
        "undo": UndoAsked,
        "typed": lambda: Typed(str(body["number"]), str(body["pin"])),
        "declared": lambda: Declared(str(body["number"])),
        "wanted": lambda: WantedAction(_INTENTS[str(body["intent"])]),
        "agreed": lambda: Agreed(str(body["version"])),
        "declined": Declined,
        "closed": Closed,
    }
    return makers[name]()


async def _body(http: Http) -> dict[str, Any] | None:
    """The JSON object that was sent; None for anything else or too much."""
    if http.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    raw = bytearray()
    async for part in http.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            return None
    try:
        value = json.loads(raw)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
