"""Exact 1:N search: one matrix product, the best template of each person.

Immutable: a changed gallery is another matcher, so serving never pauses. `replacing` makes it from
this one by copying memory, without touching what did not change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import GalleryError

NO_SCORE = -1.0  # the least a cosine can be: nobody was compared


@dataclass(frozen=True, slots=True)
class Match:
    """The best person and the best other person, with their cosines; None where there is none."""

    person: str | None
    score: float
    runner_up: str | None
    runner_up_score: float

    @property
    def margin(self) -> float:
        """How far the best person is ahead, 0..2."""
        return self.score - self.runner_up_score


class Matcher:
    """Templates (n, d) float32, L2-normalised, of the people in `numbers` (n), in any order.

    Those that come in the order of their numbers are taken, not copied (10,000 are 8 MB): whoever
    gave them changes them no more.
    """

    def __init__(self, numbers: Sequence[str], templates: NDArray[np.float32]) -> None:
        if templates.ndim != 2 or len(numbers) != len(templates):
            raise GalleryError(f"{len(numbers)} numbers for templates of shape {templates.shape}")
        if not np.isfinite(templates).all():
            raise GalleryError("a template holds numbers that are not finite")
        owners = np.asarray(numbers, dtype=np.str_)
        if (owners[1:] < owners[:-1]).any():
            order = np.argsort(owners, kind="stable")
            owners, templates = owners[order], templates[order]
        self._templates = np.ascontiguousarray(templates, dtype=np.float32)
        self._people, self._starts = np.unique(owners, return_index=True)

    def replacing(
        self,
        people: Collection[str],
        numbers: Sequence[str],
        templates: NDArray[np.float32],
    ) -> Matcher:
        """Another matcher, in which `people` have only the templates (n, d) of `numbers` (n).

        Whoever of `people` is not in `numbers` is gone from it; nobody else may be in `numbers`.
        Raises `GalleryError`.
        """
        if not set(numbers) <= set(people):
            raise GalleryError("templates of somebody who was not to be replaced")
        new = Matcher(numbers, templates)
        out = np.flatnonzero(np.isin(self._people, np.asarray(list(people), dtype=np.str_)))
        ends = self._starts + self._counts()
        edges = [0, *(edge for i in out for edge in (self._starts[i], ends[i])), len(self)]
        kept = [self._templates[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
        counts = np.concatenate([np.delete(self._counts(), out), new._counts()])
        made = Matcher.__new__(Matcher)
        parts = [part for part in (*kept, new._templates) if len(part)]
        if len({part.shape[1] for part in parts}) > 1:
            raise GalleryError("templates of another dimension than those that are there")
        made._templates = np.concatenate(parts) if parts else new._templates
        made._people = np.concatenate([np.delete(self._people, out), new._people])
        made._starts = np.cumsum(counts) - counts
        return made

    def _counts(self) -> NDArray[np.intp]:
        return np.diff(np.append(self._starts, len(self._templates)))

    def __len__(self) -> int:
        return len(self._templates)

    @property
    def people(self) -> int:
        """How many people the templates are of."""
        return len(self._people)

    def templates_of(self, person: str) -> int:
        """How many templates are this person's; 0 for somebody who is not here."""
        return len(self._own(person))

    def scores(self, probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(f, d) probes to (f, people) cosines: of each person's best template.

        Raises `GalleryError` for probes of another dimension or with numbers that are not finite.
        """
        self._check(probes)
        if not self.people:
            return np.empty((len(probes), 0), dtype=np.float32)
        cosines = probes @ self._templates.T
        return np.asarray(np.maximum.reduceat(cosines, self._starts, axis=1), dtype=np.float32)

    def names(self) -> set[str]:
        """The numbers of the people whose templates are here."""
        return {str(number) for number in self._people}

    def scores_of(self, person: str, probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(f, d) probes to (f,) cosines with this person's best template; (0,) without any.

        Raises what `scores` raises.
        """
        self._check(probes)
        own = self._own(person)
        if not len(own):
            return np.empty(0, dtype=np.float32)
        return np.asarray((probes @ own.T).max(axis=1), dtype=np.float32)

    def _own(self, person: str) -> NDArray[np.float32]:
        """(n, d) this person's templates. People stand in no order once some were replaced."""
        places = np.flatnonzero(self._people == person)
        if not len(places):
            return self._templates[:0]
        start = self._starts[places[0]]
        return self._templates[start : start + self._counts()[places[0]]]

    def _check(self, probes: NDArray[np.float32]) -> None:
        if probes.ndim != 2 or not np.isfinite(probes).all():
            raise GalleryError(f"probes of shape {probes.shape} must be (f, d) and finite")
        if self.people and probes.shape[1] != self._templates.shape[1]:
            raise GalleryError(
                f"probes have {probes.shape[1]} numbers, templates {self._templates.shape[1]}"
            )

    def best(self, scores: NDArray[np.float32]) -> Match:
        """The best and second-best person of (people,) scores."""
        if not scores.size:
            return Match(None, NO_SCORE, None, NO_SCORE)
        first = int(scores.argmax())
        if scores.size == 1:
            return Match(str(self._people[first]), float(scores[first]), None, NO_SCORE)
        others = scores.copy()
        others[first] = -np.inf
        second = int(others.argmax())
        return Match(
            str(self._people[first]),
            float(scores[first]),
            str(self._people[second]),
            float(scores[second]),
        )

    def identify(self, probe: NDArray[np.float32]) -> Match:
        """Whom the (d,) probe looks like most; raises `GalleryError`."""
        return self.best(self.scores(probe[None])[0])
