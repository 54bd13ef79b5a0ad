"""From frames to a decision: never below the threshold, never between two look-alikes."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.decision import Decision, DecisionPolicy, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face
from recognizer.matcher import Matcher
from recognizer.quality import Quality, Reason

POLICY = DecisionPolicy(threshold=0.5, margin=0.05, min_frames=3, max_frames=6)
FACE = Face((0, 0, 100, 100), np.zeros((5, 2), dtype=np.float32), 0.9)


def unit(*values: float) -> NDArray[np.float32]:
    vector = np.asarray(values, dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def quality(reason: Reason | None = None) -> Quality:
    return Quality(100, 40, 0, 0, 0, 0, 0.5, 200, 20, 40, 1, 1, 0.7, 0.8, reason)


def frame(vector: NDArray[np.float32] | None, *, attack: bool = False) -> Evidence:
    bad = Reason.TOO_FAR if vector is None and not attack else None
    return Evidence(1, 0.0, FACE, quality(bad), None, attack, vector)


GALLERY = Matcher(["1", "2", "3"], np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)]))


def test_three_good_frames_of_a_known_face_are_accepted() -> None:
    frames = [frame(unit(1, 0.1, 0))] * 3
    assert POLICY.decide(frames[:2], GALLERY).verdict is Verdict.UNDECIDED
    decision = POLICY.decide(frames, GALLERY)
    assert (decision.verdict, decision.person) == (Verdict.ACCEPT, "1")


def test_somebody_between_two_people_is_never_accepted() -> None:
    decision = POLICY.decide([frame(unit(1, 1, 0))] * 6, GALLERY)
    assert decision.verdict is Verdict.AMBIGUOUS
    assert decision.person is None


def test_frames_that_disagree_are_not_accepted() -> None:
    frames = [frame(unit(1, 0.9, 0)), frame(unit(0.9, 1, 0))] * 3
    assert POLICY.decide(frames, GALLERY).verdict is not Verdict.ACCEPT


def test_a_stranger_is_unknown_after_the_last_frame_only() -> None:
    frames = [frame(unit(-1, -1, -1))] * 6
    assert POLICY.decide(frames[:5], GALLERY).verdict is Verdict.UNDECIDED
    assert POLICY.decide(frames, GALLERY).verdict is Verdict.UNKNOWN


def test_an_attack_is_an_attack_and_nobody() -> None:
    decision = POLICY.decide([frame(None, attack=True)] * 6, GALLERY)
    assert decision.verdict is Verdict.ATTACK
    assert decision.person is None


def test_an_empty_gallery_accepts_nobody() -> None:
    empty = Matcher([], np.empty((0, 3), dtype=np.float32))
    decision = POLICY.decide([frame(unit(1, 0, 0))] * 6, empty)
    assert decision.verdict is Verdict.UNKNOWN


def test_bad_frames_give_a_hint() -> None:
    decision = POLICY.decide([frame(None)] * 5, GALLERY)
    assert (decision.verdict, decision.hint) == (Verdict.UNDECIDED, Reason.TOO_FAR)


vectors = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: sum(x * x for x in v) > 0.01)
frames = st.lists(
    st.one_of(vectors.map(lambda v: frame(unit(*v))), st.just(frame(None, attack=True))),
    max_size=12,
)


@given(frames)
def test_nothing_accepts_below_threshold_or_margin(evidence: list[Evidence]) -> None:
    decision = POLICY.decide(evidence, GALLERY)
    if decision.verdict is Verdict.ACCEPT:
        assert decision.score >= POLICY.threshold
        assert decision.margin >= POLICY.margin
        assert decision.frames >= POLICY.min_frames
    else:
        assert decision.person is None


@given(st.integers(0, 2**32 - 1))
def test_the_matcher_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    templates = np.stack([unit(*rng.normal(size=8)) for _ in range(20)])
    numbers = [str(n) for n in sorted(rng.integers(0, 6, 20))]
    probe = unit(*rng.normal(size=8))
    match = Matcher(numbers, templates).identify(probe)
    best: dict[str, float] = {}
    for number, template in zip(numbers, templates, strict=True):
        best[number] = max(best.get(number, -1.0), float(template @ probe))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    assert match.person == ranked[0][0]
    assert np.isclose(match.score, ranked[0][1], atol=1e-6)
    if len(ranked) > 1:
        assert np.isclose(match.runner_up_score, ranked[1][1], atol=1e-6)


WEAK = DecisionPolicy(threshold=-1.0, margin=0.0, min_frames=1, max_frames=12, agreement=0.01)
some = st.lists(vectors.map(lambda v: unit(*v)), min_size=1, max_size=6)


def fused(probes: list[NDArray[np.float32]], gallery: Matcher = GALLERY) -> float:
    return WEAK.decide([frame(probe) for probe in probes], gallery).score


@given(some, st.randoms())
def test_the_order_of_frames_is_no_matter(probes: list[NDArray[np.float32]], rng: Random) -> None:
    mixed = list(probes)
    rng.shuffle(mixed)
    assert np.isclose(fused(probes), fused(mixed), atol=1e-6)


@given(vectors, st.integers(1, 12))
def test_the_same_frame_again_adds_nothing(vector: tuple[float, ...], times: int) -> None:
    assert np.isclose(fused([unit(*vector)] * times), fused([unit(*vector)]), atol=1e-6)


@given(some)
def test_a_fused_score_is_never_over_the_best_frame(probes: list[NDArray[np.float32]]) -> None:
    assert fused(probes) <= max(fused([probe]) for probe in probes) + 1e-6


def verified(probes: list[NDArray[np.float32]], person: str = "1", at: float = -1.0) -> Decision:
    return WEAK.verify([frame(probe) for probe in probes], GALLERY, person, at)


@given(some, vectors)
def test_a_frame_that_is_less_like_a_person_never_raises_their_score(
    probes: list[NDArray[np.float32]], stranger: tuple[float, ...]
) -> None:
    before, single = verified(probes).score, verified([unit(*stranger)]).score
    after = verified([*probes, unit(*stranger)]).score
    assert after <= max(before, single) + 1e-6
    if single <= before:
        assert after <= before + 1e-6


@given(some, vectors, st.integers(0, 5))
def test_a_better_frame_never_lowers_a_score(
    probes: list[NDArray[np.float32]], other: tuple[float, ...], place: int
) -> None:
    i = place % len(probes)
    replaced = [*probes[:i], unit(*other), *probes[i + 1 :]]
    if verified([unit(*other)]).score >= verified([probes[i]]).score:
        assert verified(replaced).score >= verified(probes).score - 1e-6


@given(some, st.permutations(range(6)))
def test_the_order_of_the_gallery_is_no_matter(
    probes: list[NDArray[np.float32]], order: list[int]
) -> None:
    numbers = ["1", "1", "2", "3", "3", "3"]
    rng = np.random.default_rng(0)
    templates = np.stack([unit(*rng.normal(size=3)) for _ in numbers])
    mixed = Matcher([numbers[i] for i in order], templates[order])
    evidence = [frame(probe) for probe in probes]
    one, other = WEAK.decide(evidence, Matcher(numbers, templates)), WEAK.decide(evidence, mixed)
    assert (one.verdict, one.person) == (other.verdict, other.person)
    assert np.isclose(one.score, other.score, atol=1e-6)


def test_a_look_alike_is_told_apart_by_the_claim() -> None:
    between = [frame(unit(1, 1, 0))] * 6
    assert POLICY.decide(between, GALLERY).verdict is Verdict.AMBIGUOUS
    decision = POLICY.verify(between, GALLERY, "2", 0.6)
    assert (decision.verdict, decision.person) == (Verdict.ACCEPT, "2")
    assert POLICY.verify(between[:2], GALLERY, "2", 0.6).verdict is Verdict.UNDECIDED


def test_a_claim_that_the_face_does_not_bear_out_is_unknown() -> None:
    assert POLICY.verify([frame(unit(1, 0, 0))] * 6, GALLERY, "2", 0.6).verdict is Verdict.UNKNOWN
    assert POLICY.verify([frame(unit(1, 0, 0))] * 6, GALLERY, "9", 0.6).verdict is Verdict.UNKNOWN
    attack = [frame(None, attack=True)] * 6
    assert POLICY.verify(attack, GALLERY, "1", 0.6).verdict is Verdict.ATTACK


@given(frames, st.sampled_from(["1", "2", "3", "9"]), st.floats(-1, 1))
def test_verification_accepts_the_claimed_person_alone_and_never_below_its_threshold(
    evidence: list[Evidence], person: str, at: float
) -> None:
    decision = POLICY.verify(evidence, GALLERY, person, at)
    assert decision.person == (person if decision.verdict is Verdict.ACCEPT else None)
    if decision.verdict is Verdict.ACCEPT:
        assert decision.score >= at
        assert decision.frames >= POLICY.min_frames
