"""The guided enrolment on real databases: what is stored and told, and what leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.ceremony import Step
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.enrolment import IdentityCheck, enrol
from kiosk.errors import EnrolmentRefusedError
from kiosk.guide import Guide, Newcomer, Progress
from kiosk.poses import Pose
from kiosk.presentation import IllegalEventError
from kiosk.settings import EnrolmentSection, PadSection, RecognitionSection, Settings
from kiosk.stores import Stores, open_stores
from morning.cast import Person
from morning.turning import Head
from recognizer.decision import DecisionPolicy
from store.errors import InvalidValueError, StoreError
from store.records import Deletion, Enrolment
from tests.kiosk.guided_made import FPS, frame, look
from tests.kiosk.made import LIMITS, MODEL, StoppedClock, applicant, now, samples, terminal


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path)


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        yield opened


def a_guide(settings: Settings, stores: Stores, number: str = "1", **more: Any) -> Guide:
    newcomer = Newcomer(number, "Name", more.pop("language", "en"), more.pop("by", None))
    policy = DecisionPolicy(0.5)
    return Guide(settings, stores, MODEL, lambda _: policy, 0.5, StoppedClock(), newcomer, **more)


def led(guide: Guide, person: int = 1, identity: IdentityCheck = "document") -> Progress:
    """From consent to the end, with somebody who does as asked."""
    guide.agree(guide.text.version, "read on the screen")
    guide.identified(identity)
    return shown(guide, person)


def shown(guide: Guide, person: int, frames: int = 400) -> Progress:
    for n in range(frames):
        progress = guide.progress
        if progress.ended:
            break
        at_s = n / FPS
        guide.see(look(frame(at_s, progress.pose, person=person)), at_s)
    return guide.progress


def bodies(stores: Stores, kind: str) -> list[dict[str, Any]]:
    records = [record.content() for record in stores.ledger.records(0, 1000)]
    return [record.body for record in records if record.kind == kind]


def held(stores: Stores) -> tuple[Any, ...]:
    """Everything that an enrolment could have left."""
    numbers, vectors = stores.templates.active(MODEL)
    return (stores.gallery.people(), numbers, vectors.tobytes(), stores.ledger.head())


def test_an_enrolment_is_stored_with_who_how_and_how_sure(
    settings: Settings, stores: Stores
) -> None:
    stores.register.upsert("900", "Enroller", "en", "active", None, now())
    stores.register.set_roles("900", ["enroller"], now())
    done = led(a_guide(settings, stores, by="900"), identity="badge")
    assert (done.step, done.part) == (Step.DONE, 1.0)
    assert done.templates == stores.templates.count(MODEL) >= 3
    (body,) = bodies(stores, Enrolment.kind)
    assert done.trial is not None
    assert body == body | {
        "person": "1",
        "by": "900",
        "identity_check": "badge",
        "live": True,
        "renewal": False,
        "templates": done.templates,
        "trial_millionths": round(done.trial * 1e6),
    }
    (consent,) = stores.gallery.consents("1")
    assert consent.how == "read on the screen"
    assert len(consent.text_digest) == 64


def test_what_the_screen_is_told_grows_and_counts_down(settings: Settings, stores: Stores) -> None:
    guide = a_guide(settings, stores)
    assert (guide.progress.part, guide.progress.seconds_left) == (0.0, None)
    guide.agree(guide.text.version, "read")
    guide.identified("known")
    told: list[Progress] = []
    while not guide.progress.ended:
        at_s = len(told) / FPS
        told.append(guide.see(look(frame(at_s, guide.progress.pose)), at_s))
    parts = [progress.part for progress in told]
    assert parts == sorted(parts)
    left = [progress.seconds_left or 0.0 for progress in told]
    assert left == sorted(left, reverse=True)
    assert left[0] == 30.0
    poses = [progress.pose for progress in told if progress.pose is not None]
    assert list(dict.fromkeys(poses)) == list(Pose)


def test_cancelling_after_any_frame_leaves_nothing(settings: Settings, stores: Stores) -> None:
    before, steps = held(stores), set[Step]()
    for frames in range(400):
        guide = a_guide(settings, stores)
        guide.agree(guide.text.version, "read")
        guide.identified("known")
        if shown(guide, 1, frames).ended:
            break
        steps.add(guide.progress.step)
        guide.cancel()
        assert (guide.progress.step, guide.progress.frames) == (Step.CANCELLED, 0)
        guide.cancel()
        assert held(stores) == before
    assert steps == {Step.POSES, Step.TRIAL}
    assert guide.progress.step is Step.DONE
    assert held(stores) != before


def test_a_face_that_is_enrolled_under_another_number_is_refused(
    settings: Settings, stores: Stores
) -> None:
    enrol(stores, MODEL, applicant("2"), samples(1, 0, 1), LIMITS, now())
    before = held(stores)
    refusal = led(a_guide(settings, stores)).refusal
    assert refusal is not None
    assert refusal.reason == "already_enrolled"
    assert held(stores) == before


def test_a_changed_face_is_renewed_by_document_and_no_other_way(
    settings: Settings, stores: Stores
) -> None:
    enrol(stores, MODEL, applicant("1"), samples(5, 0, 1, 2), LIMITS, now())
    enrol(stores, MODEL, applicant("2"), samples(6, 0, 1), LIMITS, now())
    before = held(stores)
    refusal = led(a_guide(settings, stores), identity="known").refusal
    assert refusal is not None
    assert refusal.reason == "different_people"
    taken = led(a_guide(settings, stores), person=6).refusal
    assert taken is not None
    assert taken.reason == "already_enrolled", "another enrolled person's face renews nobody"
    assert held(stores) == before
    old = {entry.id for entry in stores.templates.entries("1")}
    done = led(a_guide(settings, stores))
    assert done.step is Step.DONE
    assert not old & {entry.id for entry in stores.templates.entries("1")}
    assert bodies(stores, Enrolment.kind)[-1]["renewal"] is True
    assert bodies(stores, Deletion.kind)[-1] == {
        "v": 1,
        "person": "1",
        "templates": 3,
        "reason": "replaced",
        "order": None,
    }


def test_the_same_face_again_is_no_renewal_and_keeps_what_covers_best(
    settings: Settings, stores: Stores
) -> None:
    assert led(a_guide(settings, stores)).step is Step.DONE
    assert led(a_guide(settings, stores), identity="known").step is Step.DONE
    assert [body["renewal"] for body in bodies(stores, Enrolment.kind)] == [False, False]


def test_without_pad_it_is_refused_unless_the_settings_allow_it_and_the_record_says_so(
    settings: Settings, stores: Stores
) -> None:
    off = settings.model_copy(update={"pad": PadSection(mode="off")})
    with pytest.raises(EnrolmentRefusedError, match="require_pad") as refused:
        a_guide(off, stores)
    assert refused.value.reason == "pad_off"
    allowed = off.model_copy(update={"enrolment": EnrolmentSection(require_pad=False)})
    assert led(a_guide(allowed, stores)).step is Step.DONE
    assert bodies(stores, Enrolment.kind)[0]["live"] is False


def test_only_an_enroller_enrols_once_there_is_one(settings: Settings, stores: Stores) -> None:
    with pytest.raises(EnrolmentRefusedError, match="nobody has it yet"):
        a_guide(settings, stores, by="900")
    assert a_guide(settings, stores).by is None
    for number in ("900", "901"):
        stores.register.upsert(number, "Somebody", "en", "active", None, now())
    stores.register.set_roles("900", ["enroller"], now())
    for by in (None, "901", "902"):
        with pytest.raises(EnrolmentRefusedError, match="enroller"):
            a_guide(settings, stores, by=by)
    assert a_guide(settings, stores, by="900").by == "900"
    stores.register.block("900", now())
    assert a_guide(settings, stores).by is None


def test_what_cannot_end_well_does_not_begin(settings: Settings, stores: Stores) -> None:
    with pytest.raises(InvalidValueError):
        a_guide(settings, stores, number="")
    enrol(stores, MODEL, applicant("2"), samples(6, 0, 1), LIMITS, now())
    stores.register.block("2", now())
    with pytest.raises(EnrolmentRefusedError, match="is blocked here"):
        a_guide(settings, stores, number="2")


def test_a_consent_to_another_text_is_none(settings: Settings, stores: Stores) -> None:
    guide = a_guide(settings, stores)
    with pytest.raises(IllegalEventError):
        guide.agree("1999-01-01", "read")
    assert guide.progress.step is Step.CONSENT


def test_a_gallery_that_cannot_be_written_stores_nothing_and_says_so(
    settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(stores)

    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(stores.register, "enrol", full)
    guide = a_guide(settings, stores)
    with pytest.raises(StoreError, match="full"):
        led(guide)
    assert guide.progress.step is Step.REFUSED
    assert held(stores) == before


def test_a_turning_head_before_real_models_is_enrolled_live_well_under_thirty_seconds(
    settings: Settings, weights_dir: Path, shared_faces: Path, cast: list[Person]
) -> None:
    """Seconds are the frames'. She reacts after 0.6 s and turns by 60 degrees a second."""
    fps, reaction = 7.5, 4
    turned = {Pose.LEFT: (25, 0), Pose.RIGHT: (-25, 0), Pose.UP: (0, -25)}
    settings = settings.model_copy(update={"recognition": RecognitionSection(weights=weights_dir)})
    eyes, head = open_eyes(settings), Head(cast[1].walks[0], seed=1)
    yaw = pitch = 0.0
    asked: list[tuple[int, int]] = []
    with open_stores(settings) as stores:
        guide = Guide(
            *(settings, stores, eyes.model_digest, policy_for(settings, eyes)),
            *(verification_for(settings, eyes)(1), StoppedClock(), Newcomer("1", "Ben", "en")),
        )
        guide.agree(guide.text.version, "read")
        guide.identified("known")
        while not guide.progress.ended:
            at_s = len(asked) / fps
            pose = guide.see(eyes.look(head.frame(yaw, pitch), at_s), at_s).pose
            asked.append(turned.get(pose, (0, 0)) if pose else (0, 0))
            to_yaw, to_pitch = asked[max(0, len(asked) - 1 - reaction)]
            yaw += max(-8.0, min(8.0, to_yaw - yaw))
            pitch += max(-8.0, min(8.0, to_pitch - pitch))
        (body,) = bodies(stores, Enrolment.kind)
    assert body["live"] is True
    assert body["trial_millionths"] > 800_000
    assert len(asked) / fps < 12  # 6.1 s when this was written
