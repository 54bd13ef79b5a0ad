"""The protected form: the same scores, nothing in common with another deployment."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.pipeline import RecognizerSettings, open_recognizer
from recognizer.protection import Transform, _normals, key_id

D = 192
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PINNED = (0.002323984291, 0.088582627813, -0.059746014504)  # of KEY, as first written


def units(seed: int, n: int = 50, d: int = D) -> NDArray[np.float32]:
    raw = np.random.default_rng(seed).normal(size=(n, d))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


@given(key=st.binary(min_size=32, max_size=32), d=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_every_key_gives_a_rotation_and_the_same_one_again(key: bytes, d: int) -> None:
    one, again = Transform(key, d).matrix, Transform(key, d).matrix
    np.testing.assert_array_equal(one, again)
    np.testing.assert_allclose(one @ one.T, np.eye(d), atol=1e-12)


def test_the_matrix_of_a_key_is_fixed_for_good() -> None:
    """Another program version, or machine, must find the templates it stored."""
    matrix = Transform(KEY, D).matrix
    np.testing.assert_allclose(matrix[0, :3], PINNED, atol=1e-9)


def test_another_way_to_orthogonalise_gives_the_same_matrix() -> None:
    """Stands for another LAPACK: Gram-Schmidt in long double, from numbers off by 1e-14."""
    rng = np.random.default_rng(1)
    raw = _normals(KEY, D)
    columns = (raw * (1 + 1e-14 * rng.normal(size=raw.shape))).astype(np.longdouble)
    for j in range(D):
        for _ in range(2):
            columns[:, j] -= columns[:, :j] @ (columns[:, :j].T @ columns[:, j])
        columns[:, j] /= np.sqrt((columns[:, j] ** 2).sum())
    np.testing.assert_allclose(columns.astype(np.float64), Transform(KEY, D).matrix, atol=1e-5)


def test_scores_stay_to_1e_5_also_after_three_new_keys() -> None:
    a, b = units(1), units(2)
    protected_a, protected_b = Transform(KEY, D).apply(a), Transform(KEY, D).apply(b)
    np.testing.assert_allclose(protected_a @ protected_b.T, a @ b.T, atol=1e-5)
    old = Transform(KEY, D)
    for number in range(3):
        new = Transform(bytes([number]) * 32, D)
        protected_a, old = old.reissue(protected_a, new), new
    np.testing.assert_allclose(protected_a @ old.apply(b).T, a @ b.T, atol=1e-5)
    np.testing.assert_allclose(protected_a, old.apply(a), atol=1e-5)


def test_two_deployments_templates_of_one_person_are_as_strangers() -> None:
    """Cosines across keys: mean 0 and deviation 1/sqrt(d), those of random directions."""
    people = units(3, n=400)
    here, there = Transform(KEY, D).apply(people), Transform(OTHER, D).apply(people)
    own = (here * there).sum(axis=1)
    spread = 1 / np.sqrt(D)
    assert abs(own.mean()) < 4 * spread / np.sqrt(len(own))
    assert 0.8 * spread < own.std() < 1.2 * spread
    assert np.abs(own).max() < 5 * spread
    best = (here @ there.T).argmax(axis=1)
    assert (best == np.arange(len(people))).mean() < 0.02  # 1/400 by chance


def test_real_faces_keep_their_scores_and_cannot_be_linked(
    shared_faces: Path, weights_dir: Path
) -> None:
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    photos = sorted((shared_faces / "identification" / "johns").glob("*/*"))[:24]
    images = [cv2.imread(str(photo)) for photo in photos]
    found = [eyes.embed_photo(np.asarray(i, np.uint8)) for i in images if i is not None]
    vectors = np.stack([f[0].embedding for f in found if f and f[0].embedding is not None])
    assert len(vectors) >= 15
    here = Transform(KEY, vectors.shape[1]).apply(vectors)
    there = Transform(OTHER, vectors.shape[1]).apply(vectors)
    np.testing.assert_allclose(here @ here.T, vectors @ vectors.T, atol=1e-5)
    assert np.abs((here * there).sum(axis=1)).max() < 5 / np.sqrt(vectors.shape[1])


def test_a_key_id_names_the_key_and_a_short_key_is_refused() -> None:
    assert key_id(KEY) != key_id(OTHER)
    assert len(key_id(KEY)) == 16
    with pytest.raises(ValueError, match="32 bytes"):
        Transform(b"short", D)


def test_the_transform_can_be_taken_off_again() -> None:
    """For a template that another terminal, with another key, is to have."""
    vectors = units(3)
    here, there = Transform(KEY, D), Transform(OTHER, D)
    np.testing.assert_allclose(here.remove(here.apply(vectors)), vectors, atol=1e-6)
    moved = there.apply(here.remove(here.apply(vectors)))
    np.testing.assert_allclose(moved @ moved.T, vectors @ vectors.T, atol=1e-5)
