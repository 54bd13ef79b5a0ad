"""Where the page's requests wait for the door's thread.

The server's thread asks and awaits; the door's thread answers all that wait, once a frame. A
request whose page has gone is passed over. What an answer raises reaches both: the page as
`DeskError`, the door as it is.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from kiosk.errors import KioskError
from kiosk.screen.requests import Answer, Counter, Request

_PATIENCE_S = 5.0  # a frame comes many times a second; a door that does not answer is ending
_MOST_WAITING = 16


class DeskError(KioskError):
    """The door did not answer a request, or could not; nothing was changed."""


class Desk:
    """A queue of requests with a future each; `ask` is the server's, `serve` the door's."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._waiting: SimpleQueue[tuple[Request, Future[Answer]]] = SimpleQueue()

    async def ask(self, request: Request) -> Answer:
        """The door's answer; raises `DeskError`."""
        if self._waiting.qsize() >= _MOST_WAITING:
            raise DeskError("too many requests wait for the door; ask again in a moment")
        future: Future[Answer] = Future()
        self._waiting.put((request, future))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._patience_s)
        except TimeoutError:
            raise DeskError("the door did not answer in time; ask again in a moment") from None

    def serve(self, counter: Counter) -> None:
        """Answer what waits; passes on what `counter` raises."""
        while True:
            try:
                request, future = self._waiting.get_nowait()
            except Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = counter.answer(request)
            except Exception as error:
                future.set_exception(
                    DeskError(f"the door could not answer: {type(error).__name__}")
                )
                raise
            future.set_result(answer)
