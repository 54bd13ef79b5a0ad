"""Which samples stay as templates."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recognizer.coverage import DUPLICATES_UP_TO, MAX_TEMPLATES, NEAR, Sample, choose


def sample(seed: int, quality: float, near: float = 0.0, yaw: float | None = None) -> Sample:
    """A face; those with a `near` of almost 1 are almost the same."""
    raw = np.random.default_rng(seed).normal(size=32)
    raw = raw / np.linalg.norm(raw) * (1 - near)
    raw[0] += near
    vector = (raw / np.linalg.norm(raw)).astype(np.float32)
    return Sample(vector, quality, yaw, None if yaw is None else 0.0)


samples = st.lists(
    st.builds(
        sample,
        st.integers(0, 10**6),
        st.floats(0.01, 1),
        st.sampled_from([0.0, 0.5, 0.95]),
        st.one_of(st.none(), st.floats(-40, 40)),
    ),
    max_size=30,
)


@given(samples, st.integers(1, MAX_TEMPLATES))
def test_a_choice_is_bounded_starts_with_the_best_and_repeats_nothing(
    given_samples: list[Sample], most: int
) -> None:
    chosen = choose(given_samples, most)
    assert len(chosen) <= most
    assert len(set(chosen)) == len(chosen)
    if given_samples:
        assert given_samples[chosen[0]].quality == max(s.quality for s in given_samples)
        assert len(chosen) >= min(most, len(given_samples), DUPLICATES_UP_TO)
    vectors = [given_samples[i].embedding for i in chosen]
    for place in range(DUPLICATES_UP_TO, len(chosen)):
        assert max(float(vectors[place] @ v) for v in vectors[:place]) < NEAR + 1e-6


@given(samples)
def test_what_is_left_out_was_not_needed(given_samples: list[Sample]) -> None:
    chosen = choose(given_samples)
    if len(chosen) == MAX_TEMPLATES:
        return
    for i in set(range(len(given_samples))) - set(chosen):
        near = max(float(given_samples[i].embedding @ given_samples[c].embedding) for c in chosen)
        assert near >= NEAR - 1e-6


def test_a_face_that_held_still_gives_three() -> None:
    assert len(choose([sample(seed, 0.5, near=0.99) for seed in range(20)])) == DUPLICATES_UP_TO


def test_a_turned_head_is_taken_before_another_frontal_one() -> None:
    still = [sample(0, 0.9, yaw=0), sample(1, 0.8, yaw=0), sample(1, 0.8, yaw=30)]
    assert choose(still, 2) == [0, 2]


def test_something_new_goes_before_a_better_near_duplicate() -> None:
    best, again, other = sample(1, 1.0, near=0.99), sample(2, 0.99, near=0.99), sample(3, 0.1)
    assert choose([best, again, other], 2) == [0, 2]


def test_no_samples_give_no_templates() -> None:
    assert choose([]) == []
