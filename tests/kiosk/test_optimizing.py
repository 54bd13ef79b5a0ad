"""Derived networks are judged by stated bounds, and only those within them are kept."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from kiosk import optimizing
from kiosk.acceptance import LEAST_COSINE, Verdict, judge_embeddings, judge_scores
from kiosk.cli import cli
from kiosk.errors import PhotoSetError
from kiosk.optimizing import (
    KINDS,
    Network,
    NoOptimiserError,
    Result,
    derive,
    judge_together,
    keep,
)
from kiosk.scenes import Scenes
from recognizer.calibration import Calibration, threshold
from recognizer.derived import FILE, SAME, Kind, read_derived
from recognizer.errors import ModelError
from recognizer.evaluation import FPIR
from recognizer.faces import Vector
from recognizer.manifest import load_manifest
from recognizer.session import Session
from store.errors import StorageError
from tests.recognizer.networks_made import SIDE, TINY, tiny

KNOWN = Calibration(
    mean=0.01, bound_sd=0.11, highest=0.3, comparisons=900, people=9, source="made for a test"
)
FILE_OF = "mobilefacenet_arcface_192.onnx"


def unit(vectors: NDArray[np.float64]) -> Vector:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def faces() -> tuple[Vector, list[str]]:
    """Ten people, three faces each, of which the cosine is about 0.9."""
    rng = np.random.default_rng(1)
    means = np.repeat(unit(rng.normal(size=(10, 64))), 3, axis=0)
    people = [str(i // 3) for i in range(30)]
    return unit(means + rng.normal(size=(30, 64)) * 0.04), people


def turned(vectors: Vector, by: float) -> Vector:
    """Every one moved by noise of that length."""
    noise = unit(np.random.default_rng(2).normal(size=vectors.shape))
    return unit(vectors.astype(np.float64) + noise * by)


@pytest.mark.parametrize(
    ("kind", "by", "taken"),
    [
        ("graph", 1e-7, True),
        ("graph", 1e-3, False),
        ("int8", 1e-3, True),
        ("int8", 0.1, True),
        ("int8", 0.2, False),
        ("fp16", 1e-3, True),
    ],
)
def test_an_embedder_is_taken_by_how_far_it_turns_embeddings(
    kind: Kind, by: float, taken: bool, faces: tuple[Vector, list[str]]
) -> None:
    original, people = faces
    verdict = judge_embeddings(kind, original, turned(original, by), people, KNOWN)
    assert (verdict.why_not is None) == taken, verdict
    if kind != "graph":
        assert (verdict.measured["min_cosine"] >= LEAST_COSINE) == taken


def test_an_embedder_that_refuses_its_own_people_or_lets_strangers_in_is_not_taken() -> None:
    """Each face lies just on one side of the threshold, and is turned a little to the other."""
    at = 0.6
    near = np.array([[1, 0, 0], [at + 0.005, np.sqrt(1 - (at + 0.005) ** 2), 0]])
    far = np.array([[1, 0, 0], [at - 0.005, np.sqrt(1 - (at - 0.005) ** 2), 0]])
    within, beyond = unit(near), unit(far)
    refuses = judge_embeddings("int8", within, beyond, ["a", "a"], _at(1, at))
    assert refuses.why_not is not None
    assert "FNMR rises by 1.0000" in refuses.why_not
    lets_in = judge_embeddings("int8", beyond, within, ["a", "b"], _at(2, at))
    assert lets_in.why_not is not None
    assert "accepts 1 pairs of strangers, the original 0" in lets_in.why_not


def _at(people: int, at: float) -> Calibration:
    """A calibration whose threshold for so many people is `at`."""
    low, high = 1e-6, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        made = KNOWN.model_copy(update={"bound_sd": middle})
        low, high = (middle, high) if threshold(people, FPIR, made) < at else (low, middle)
    return KNOWN.model_copy(update={"bound_sd": high})


def test_numbers_that_are_not_finite_are_never_taken(faces: tuple[Vector, list[str]]) -> None:
    original, people = faces
    broken = original.copy()
    broken[3] = np.nan
    assert judge_embeddings("int8", original, broken, people, KNOWN).why_not is not None
    scores = np.array([0.1, 0.9])
    assert judge_scores("int8", scores, np.array([0.1, np.nan]), 0.5).why_not is not None


@pytest.mark.parametrize(
    ("kind", "derived", "why"),
    [
        ("graph", [0.1, 0.9, 0.5], None),
        ("graph", [0.1, 0.9, 0.501], "numbers differ"),
        ("int8", [0.12, 0.94, 0.54], None),
        ("int8", [0.12, 0.84, 0.54], "scores differ by 0.060"),
        ("int8", [0.1, 0.9, 0.4999], "decides 1 of 3"),
        ("graph", [0.1, 0.9, 0.5 - SAME / 2], "decides 1 of 3"),
    ],
)
def test_scores_may_move_a_little_and_decide_nothing_otherwise(
    kind: Kind, derived: list[float], why: str | None
) -> None:
    verdict = judge_scores(kind, np.array([0.1, 0.9, 0.5]), np.array(derived), 0.5)
    assert (verdict.why_not is None) if why is None else (why in str(verdict.why_not))


def network(judge: dict[str, str | None]) -> Network:
    """A tiny one, judged as the test says."""
    rng = np.random.default_rng(0)
    fed = tuple(rng.normal(size=(1, 3, SIDE, SIDE)).astype(np.float32) for _ in range(4))
    return Network(
        "embedder", FILE_OF, tiny("steps"), fed, TINY, lambda kind, _: Verdict({}, judge[kind])
    )


class Ticking:
    """A clock by which everything takes one second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_every_kind_is_made_and_what_is_refused_leaves_no_file(tmp_path: Path) -> None:
    tried = network({"graph": None, "fp16": "too far off", "int8": None})
    path = list(sys.path)
    results = list(derive(tried, Ticking()))
    assert sys.path == path, "the library that makes fp16 has a `models` of its own"
    assert [result.kind for result in results] == list(KINDS)
    for result in results:
        assert result.raw is not None
        answer = Session(result.raw, "tiny", TINY).run(tried.fed[0])[0]
        original = Session(tried.raw, "tiny", TINY).run(tried.fed[0])[0]
        assert np.abs(answer - original).max() <= (1e-5 if result.kind == "graph" else 0.2)
    folder = tmp_path / "derived"
    keep(results, folder, "open", load_manifest(), 55)
    stem = Path(FILE_OF).stem
    names = {f"{stem}.graph.onnx", f"{stem}.int8.onnx"}
    assert {path.name for path in folder.iterdir()} == {FILE, *names}
    derived = read_derived(folder)
    assert {file.file for file in derived.files} == names
    for file in derived.files:
        assert sha256((folder / file.file).read_bytes()).hexdigest() == file.sha256
        assert file.original_sha256 == load_manifest().files[FILE_OF].sha256
        assert file.measured["time_ratio"] == 1.0


def test_a_kind_that_cannot_be_made_or_run_is_a_result_and_not_the_end() -> None:
    def judge(kind: Kind, _: bytes) -> Verdict:
        if kind == "fp16":
            raise ModelError("the network failed")
        return Verdict({}, None)

    results = list(derive(replace(network({}), judge=judge), Ticking()))
    assert [result.verdict.why_not for result in results] == [None, "the network failed", None]
    assert results[1].raw is None


def test_without_the_extra_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "recognizer.quantizing", None)
    with pytest.raises(NoOptimiserError, match=r"kiosk\[models\]"):
        list(derive(network({}), Ticking()))


def test_a_folder_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    result = Result(network({}), "graph", b"x", 1.0, Verdict({}, None))
    with pytest.raises(StorageError):
        keep([result], tmp_path / "file" / "derived", "open", load_manifest(), 55)


def test_too_few_faces_derive_nothing(
    weights_dir: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "photos" / "somebody").mkdir(parents=True)
    photo = photos["astronaut"]
    (tmp_path / "photos" / "somebody" / photo.name).write_bytes(photo.read_bytes())
    words = [str(tmp_path / "photos"), "--to", str(tmp_path / "to"), "--weights", str(weights_dir)]
    done = CliRunner().invoke(cli, ["models", "optimize", *words])
    assert isinstance(done.exception, PhotoSetError)
    assert "1 usable faces of 1 people: 20 faces" in str(done.exception)
    assert not (tmp_path / "to").exists()


def test_the_figures_survive_as_json(faces: tuple[Vector, list[str]]) -> None:
    original, people = faces
    verdict = judge_embeddings("int8", original, turned(original, 0.01), people, KNOWN)
    assert json.loads(json.dumps(verdict.measured)) == verdict.measured


def test_another_embedder_is_evaluated_only_where_it_is_named_from(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    done = CliRunner().invoke(cli, ["evaluate", str(tmp_path), "--embedder", "int8"])
    assert done.exit_code == 2
    assert "needs --derived" in done.output


def test_pad_networks_that_are_well_alone_and_not_together_are_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = load_manifest().pack("open")
    assert pack.pad is not None
    alone = network({})
    files = [n.file for n in pack.pad.networks]
    forms: tuple[tuple[Kind, bytes], ...] = (("graph", b"graph"), ("int8", b"int8"))
    results = [
        Result(
            replace(alone, use="pad", file=file, raw=b"original"), kind, raw, 0.5, Verdict({}, None)
        )
        for file in files
        for kind, raw in forms
    ]
    results.append(Result(alone, "int8", b"int8", 0.5, Verdict({}, None)))

    def live(weights: list[bytes], *_: object) -> NDArray[np.float64]:
        assert len(weights) == len(files)
        return np.array([0.9 - 0.04 * weights.count(b"int8")])

    monkeypatch.setattr(optimizing, "_live", live)
    scenes = Scenes((), np.empty((0, 112, 112, 3), dtype=np.uint8), ())
    judged = judge_together(results, pack, scenes)
    refused = {(r.network.file, r.kind) for r in judged if r.verdict.why_not is not None}
    assert refused == {(file, "int8") for file in files}
    assert "with the other one scores differ by 0.080" in str(judged[1].verdict.why_not)
    one_refused = [replace(results[1], verdict=Verdict({}, "alone")), *results[2:]]
    assert judge_together(one_refused, pack, scenes) == one_refused
