"""The terminal's transform over its templates: its key, its first use, and a new key.

A new key, in this order, so that a crash anywhere leaves one state that the next opening goes on
from:

1. `templates.key.new` is written whole. The gallery is under the old key, `templates.key`.
2. All templates are converted in one transaction, which also names the new key as theirs.
3. `templates.key.new` becomes `templates.key`; the old key is gone.

Which key counts is what the gallery names: between 2 and 3 that is the new one, and the terminal
opens with it. The next re-issue does step 3 first. A new key that was written and never used is
used by the next re-issue.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognizer.evidence import Evidence
from recognizer.protection import Transform, key_id
from store.errors import OtherProtectionError, WrongTemplatesKeyError
from store.keys import create_next_key, load_next_key, load_templates_key, take_next_key
from store.secret import Secret
from store.templates import Templates

Vectors = NDArray[np.float32]


class Protection:
    """One key's transform, for embeddings of any dimension."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self.id = key_id(key.view)
        self._transforms: dict[int, Transform] = {}

    def apply(self, vectors: Vectors) -> Vectors:
        """(..., d) embeddings in the protected form."""
        return self._transform(vectors.shape[-1]).apply(vectors)

    def remove(self, vectors: Vectors) -> Vectors:
        """(..., d) protected vectors as embeddings: only for a seal to another terminal."""
        return self._transform(vectors.shape[-1]).remove(vectors)

    def evidence(self, evidence: Evidence) -> Evidence:
        """The evidence with its embedding, if it has one, in the protected form."""
        if evidence.embedding is None:
            return evidence
        return replace(evidence, embedding=self.apply(evidence.embedding))

    def reissue(self, vectors: Vectors, successor: Protection) -> Vectors:
        """(n, d) vectors of this key in the form of its successor."""
        dimension = vectors.shape[-1]
        return self._transform(dimension).reissue(vectors, successor._transform(dimension))

    def _transform(self, dimension: int) -> Transform:
        if dimension not in self._transforms:
            self._transforms[dimension] = Transform(self._key.view, dimension)
        return self._transforms[dimension]


def open_protection(keys: Path, templates: Templates) -> Protection:
    """The transform that the gallery is under; brings vectors that are under none under it.

    Writes no key: a service may see its keys read-only. Raises `KeyFileError`, of it
    `WrongTemplatesKeyError` when the gallery is under a key that is not here.
    """
    protection = Protection(load_templates_key(keys))
    used = templates.protection()
    if used is None:
        try:
            templates.convert(None, protection.id, protection.apply)
        except OtherProtectionError:  # another process was faster
            return open_protection(keys, templates)
        return protection
    if used == protection.id:
        return protection
    following = load_next_key(keys, "templates")
    if following is None:  # another process has put it in place between the two looks
        following = load_templates_key(keys)
    if key_id(following.view) != used:
        raise WrongTemplatesKeyError(
            f"{keys / 'templates.key'}: the templates are under another key ({used}); "
            "bring that key back from the backup, no template was changed"
        )
    return Protection(following)


def reissue(keys: Path, templates: Templates) -> int:
    """Bring every template under a new key; returns how many there were.

    Raises `KeyFileError`, and `OtherProtectionError` when another process was faster.
    """
    old = open_protection(keys, templates)
    following = load_next_key(keys, "templates")
    if following is not None and key_id(following.view) == old.id:
        take_next_key(keys, "templates")  # what a crash left undone
    new = Protection(create_next_key(keys, "templates"))
    count = templates.convert(old.id, new.id, lambda vectors: old.reissue(vectors, new))
    take_next_key(keys, "templates")
    return count
