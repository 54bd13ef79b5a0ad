"""The search: exact at any size, and changed without being built anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.errors import GalleryError
from recognizer.matcher import Matcher

D = 8


def units(seed: int, n: int, d: int = D) -> NDArray[np.float32]:
    raw = np.random.default_rng(seed).normal(size=(n, d))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def scores_by_name(matcher: Matcher, probe: NDArray[np.float32]) -> dict[str, float]:
    row = matcher.scores(probe[None])[0]
    return {str(n): float(s) for n, s in zip(matcher._people, row, strict=True)}


galleries = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 4), max_size=8)


@given(before=galleries, changed=galleries, gone=st.sets(st.sampled_from("abcdefgh")))
def test_replacing_gives_what_building_anew_gives(
    before: dict[str, int], changed: dict[str, int], gone: set[str]
) -> None:
    def rows(counts: dict[str, int], seed: int) -> dict[str, NDArray[np.float32]]:
        return {n: units(seed + ord(n), k) for n, k in counts.items()}

    def flat(of: dict[str, NDArray[np.float32]]) -> tuple[list[str], NDArray[np.float32]]:
        none = np.empty((0, D), np.float32)
        return [n for n, v in of.items() for _ in v], np.concatenate([none, *of.values()])

    old, new = rows(before, 0), rows(changed, 1000)
    replaced = Matcher(*flat(old)).replacing({*changed, *gone}, *flat(new))
    expected = {n: v for n, v in old.items() if n not in gone | set(changed)} | new
    anew = Matcher(*flat(expected))
    assert replaced.names() == anew.names() == set(expected)
    assert len(replaced) == len(anew)
    probe = units(5, 1)[0]
    assert scores_by_name(replaced, probe) == pytest.approx(scores_by_name(anew, probe), abs=1e-6)
    assert replaced.identify(probe).score == pytest.approx(anew.identify(probe).score, abs=1e-6)


@given(galleries, galleries, st.sampled_from("abcdefgh"))
def test_one_person_is_found_after_any_change(
    before: dict[str, int], changed: dict[str, int], person: str
) -> None:
    def made(counts: dict[str, int], seed: int) -> tuple[list[str], NDArray[np.float32]]:
        return [name for name, n in counts.items() for _ in range(n)], units(
            seed, sum(counts.values())
        )

    matcher = Matcher(*made(before, 1)).replacing(list(changed), *made(changed, 2))
    probes = units(3, 2)
    expected = [scores_by_name(matcher, probe).get(person) for probe in probes]
    found = matcher.scores_of(person, probes)
    assert matcher.templates_of(person) == changed.get(person, before.get(person, 0))
    if person in before or person in changed:
        assert np.allclose(found, np.array(expected, dtype=np.float32), atol=1e-6)
    else:
        assert found.shape == (0,)


def test_fifty_thousand_templates_are_searched_exactly_also_after_changes() -> None:
    n, d = 50_000, 192
    templates = units(1, n, d)
    numbers = [f"{i // 8:05}" for i in range(n)]
    matcher = Matcher(numbers, templates)
    fresh = units(2, 8, d)
    matcher = matcher.replacing({"00003", "00100"}, ["00100"] * 8, fresh)
    owners = np.array(numbers)
    kept = ~np.isin(owners, ["00003", "00100"])
    all_templates = np.concatenate([templates[kept], fresh])
    all_owners = np.concatenate([owners[kept], ["00100"] * 8])
    assert len(matcher) == n - 8
    rng = np.random.default_rng(3)
    for i in rng.integers(0, len(all_owners), 10):
        probe = all_templates[i] + rng.normal(0, 0.05, d).astype(np.float32)
        probe = (probe / np.linalg.norm(probe)).astype(np.float32)
        cosines = all_templates @ probe
        best = int(cosines.argmax())
        match = matcher.identify(probe)
        assert match.person == all_owners[best] == all_owners[i]
        assert match.score == pytest.approx(float(cosines[best]), abs=1e-6)
        others = cosines[all_owners != all_owners[best]]
        assert match.runner_up_score == pytest.approx(float(others.max()), abs=1e-6)


def test_the_matcher_that_serves_is_left_as_it_is() -> None:
    before = Matcher(["1", "2"], units(1, 2))
    after = before.replacing({"1"}, [], np.empty((0, 0), np.float32))
    assert before.names() == {"1", "2"}
    assert after.names() == {"2"}


def test_somebody_else_or_another_dimension_is_refused() -> None:
    matcher = Matcher(["1", "2"], units(1, 2))
    with pytest.raises(GalleryError, match="not to be replaced"):
        matcher.replacing({"1"}, ["2"], units(1, 1))
    with pytest.raises(GalleryError, match="another dimension"):
        matcher.replacing({"1"}, ["1"], units(1, 1, d=4))
