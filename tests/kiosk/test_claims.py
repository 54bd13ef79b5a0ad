"""The daemon with a badge reader: a look-alike is asked, and the badge's claim is verified 1:1."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiosk.assembly import assemble
from kiosk.cameras import Frame
from kiosk.commands.recognition import policy_for, verification_for
from kiosk.indicators import Signal
from kiosk.panel import Badged, NoPanel, StandInPanel
from kiosk.settings import Settings
from kiosk.stores import Stores, open_stores
from morning.cast import Person, portrait
from morning.walkup import FPS, HEIGHT, WIDTH, Image, camera, view
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer
from store.machine import Health
from store.records import Record
from store.register import Agreement
from tests.kiosk.made import StoppedClock, now, terminal


class Frames:
    def __init__(self, images: list[Image], before_each: Callable[[], None] = lambda: None) -> None:
        self._images, self._before_each = images, before_each

    def frames(self) -> Iterator[Frame]:
        for i, image in enumerate(self._images):
            self._before_each()
            yield Frame(image, i / FPS)

    def close(self) -> None:
        pass


class BadgeWhenAsked:
    """Somebody who holds up a badge when the lamp asks for it."""

    def __init__(self, panel: StandInPanel, code: str) -> None:
        self._panel, self._code = panel, code
        self.shown: list[Signal] = []

    def show(self, signal: Signal) -> None:
        self.shown.append(signal)
        if signal is Signal.ASK_BADGE:
            self._panel.do(Badged(self._code))

    def close(self) -> None:
        pass


class Growing:
    """Lamps that nobody looks at, and two more templates before the second frame."""

    def __init__(self, stores: Stores, eyes: Recognizer, person: Person) -> None:
        self._stores, self._eyes, self._person = stores, eyes, person
        self._frames = 0

    def grow(self) -> None:
        self._frames += 1
        if self._frames == 2:
            enrol(self._stores, self._eyes, self._person, "1001", "1002")

    def show(self, signal: Signal) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path)


def enrol(stores: Stores, eyes: Recognizer, person: Person, *numbers: str) -> None:
    """One face under several numbers: nobody looks more alike."""
    (found,) = eyes.embed_photo(portrait(person.walks[0]))
    assert found.embedding is not None
    for number in numbers:
        agreement = Agreement(stores.notices.version, "0" * 64, "test", None)
        template = (stores.protection.apply(found.embedding), 900_000, now())
        stores.register.enrol(
            number,
            "X",
            "en",
            agreement,
            eyes.model_digest,
            [template],
            now(),
            protection=stores.protection.id,
        )
        stores.register.set_badge(number, stores.badge_key.badge(f"badge of {number}"), now())


def at_the_door(
    settings: Settings, eyes: Recognizer, cast: list[Person], stores: Stores, code: str
) -> tuple[list[Signal], list[dict[str, Any]]]:
    """Ben stands before the terminal and holds up a badge when asked."""
    rng = np.random.default_rng(1)
    still = view(cast[1].walks[0], 145, (0.5, 0.42), (WIDTH, HEIGHT))
    images = [camera(still, exposure=1.0, motion_px=0, rng=rng) for _ in range(14)]
    panel = StandInPanel()
    person = BadgeWhenAsked(panel, code)
    door = assemble(
        settings,
        stores,
        eyes,
        policy_for(settings, eyes),
        verification_for(settings, eyes),
        person,
        panel,
        StoppedClock(),
        threading.Event(),
        health=Health,
    )
    door.run(Frames(images))
    assert panel.history == [Badged(code)]
    return person.shown, [said(r) for r in stores.ledger.records(0, 1000) if r.kind == "punch"]


def said(record: Record) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(record.payload)["body"]
    return body


def test_a_look_alike_punches_by_badge_and_face_after_being_asked(
    settings: Settings, weights_dir: Path, cast: list[Person]
) -> None:
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    with open_stores(settings) as stores:
        enrol(stores, eyes, cast[1], "1001", "1002")
        shown, punches = at_the_door(settings, eyes, cast, stores, "badge of 1002")
    assert [(p["person"], p["method"]) for p in punches] == [("1002", "badge")]
    wanted = [Signal.IDLE, Signal.SEEN, Signal.ASK_BADGE, Signal.SEEN, Signal.ACCEPTED]
    assert shown == wanted


def test_a_borrowed_badge_is_a_punch_that_says_that_the_face_is_not_its_owners(
    settings: Settings, weights_dir: Path, cast: list[Person]
) -> None:
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    with open_stores(settings) as stores:
        enrol(stores, eyes, cast[1], "1001", "1002")
        enrol(stores, eyes, cast[2], "1003")
        shown, punches = at_the_door(settings, eyes, cast, stores, "badge of 1003")
    (punch,) = punches
    assert (punch["person"], punch["method"], punch["face_matched"]) == ("1003", "badge", False)
    assert punch["score_millionths"] is None
    assert shown[-1] is Signal.ACCEPTED


def test_the_threshold_counts_templates_follows_the_gallery_and_says_when_it_is_far_out(
    settings: Settings, weights_dir: Path, cast: list[Person], caplog: pytest.LogCaptureFixture
) -> None:
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    caplog.set_level(logging.INFO, "kiosk")
    policy = policy_for(settings, eyes)
    with open_stores(settings) as stores:
        enrol(stores, eyes, cast[1], "1001")
        growing = Growing(stores, eyes, cast[1])
        door = assemble(
            settings,
            stores,
            eyes,
            lambda templates: policy(templates * 200),
            verification_for(settings, eyes),
            growing,
            NoPanel(),
            StoppedClock(),
            threading.Event(),
            health=Health,
        )
        blank = np.full((HEIGHT, WIDTH, 3), 127, dtype=np.uint8)
        door.run(Frames([blank] * 2, before_each=growing.grow))
        faults = [said(r)["code"] for r in stores.ledger.records(0, 1000) if r.kind == "fault"]
    lines = [r.__dict__["fields"] for r in caplog.records if r.getMessage() == "threshold"]
    assert [line["n"] for line in lines] == [1, 3]
    assert [line["value"] for line in lines] == [
        round(policy(200).threshold, 4),
        round(policy(600).threshold, 4),
    ]
    assert [line["extrapolated"] for line in lines] == [True, True]
    assert faults == ["threshold_extrapolated"]
