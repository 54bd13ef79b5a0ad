"""When somebody who had their answer is looked at again, and by which networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast as typed

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, view
from recognizer.embedder import Embedder
from recognizer.opening import open_parts
from recognizer.pipeline import Recognizer, RecognizerSettings
from recognizer.rechecking import Rechecks
from tests.recognizer.spying import SpyEmbedder

NO_PAD = RecognizerSettings(pad=False)
BOX = (200.0, 150.0, 140.0, 170.0)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(-60, 60)), max_size=20))
def test_nobody_goes_unchecked_for_long_or_while_they_move(
    moments: list[tuple[float, float]],
) -> None:
    rechecks, at_s, x = Rechecks(0.3), 0.0, BOX[0]
    checked_s, checked_x = None, x
    for passed, moved in moments:
        at_s, x = at_s + passed, x + moved
        box = (x, *BOX[1:])
        if rechecks.due(1, box, at_s):
            rechecks.done(1, box, at_s)
            checked_s, checked_x = at_s, x
        assert checked_s is not None
        assert at_s - checked_s < 0.3
        assert abs(x - checked_x) < BOX[2] / 4


def test_what_failed_stays_due_and_what_is_gone_begins_anew() -> None:
    rechecks = Rechecks(0.3)
    assert rechecks.due(1, BOX, 0.0)
    assert rechecks.due(1, BOX, 0.1)
    rechecks.done(1, BOX, 0.1)
    assert not rechecks.due(1, BOX, 0.2)
    rechecks.forget_all_but(frozenset({2}))
    assert rechecks.due(1, BOX, 0.2)


def test_who_was_served_is_embedded_every_fifth_frame_and_a_swap_is_noticed(
    weights_dir: Path, cast: list[Person]
) -> None:
    parts = open_parts(weights_dir, NO_PAD)
    spy = SpyEmbedder(parts.embedder)
    eyes = Recognizer(replace(parts, embedder=typed(Embedder, spy)), NO_PAD)
    ben, cleo = (view(cast[i].walks[0], 145, (0.5, 0.42), (WIDTH, HEIGHT)) for i in (1, 2))
    first = eyes.look(ben, 0.0).subject
    assert first is not None
    served = frozenset({first.track})
    for i in range(1, 16):
        subject = eyes.look(ben, i / 15, served).subject
        assert subject is not None
        assert subject.track == first.track
        assert subject.quality.reason is None
    assert spy.crops == 1 + 3
    looks = [eyes.look(cleo, i / 15, served) for i in range(16, 22)]
    tracks = [look.subject.track for look in looks if look.subject is not None]
    assert tracks[-1] not in served
    assert tracks == sorted(tracks)
    newest = [look.subject.embedding for look in looks if look.subject is not None][-1]
    assert newest is not None
    assert np.isclose(newest @ newest, 1, atol=1e-4)


def test_who_is_looked_at_again_after_an_answer_is_embedded_in_every_frame(
    weights_dir: Path, cast: list[Person]
) -> None:
    parts = open_parts(weights_dir, NO_PAD)
    spy = SpyEmbedder(parts.embedder)
    eyes = Recognizer(replace(parts, embedder=typed(Embedder, spy)), NO_PAD)
    ben = view(cast[1].walks[0], 145, (0.5, 0.42), (WIDTH, HEIGHT))
    first = eyes.look(ben, 0.0).subject
    assert first is not None
    for i in range(1, 4):
        eyes.look(ben, i / 15, frozenset({first.track}))
    assert spy.crops == 1
    for i in range(4, 8):
        subject = eyes.look(ben, i / 15).subject
        assert subject is not None
        assert subject.embedding is not None
    assert spy.crops == 5
