"""The real weights, optimised on real photos and tuned: the same people are recognised, faster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.cli import cli
from kiosk.commands.recognition import open_eyes, recognizer_settings
from kiosk.settings import load
from morning.cast import Person, portrait
from morning.walkup import HEIGHT, WIDTH, Image, view
from recognizer.calibration import threshold
from recognizer.derived import FILE, SAME, Choice, read_derived
from recognizer.errors import MissingWeightsError, WrongWeightsError
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer, open_recognizer
from tests.kiosk.made import settings_file, terminal


@pytest.mark.soak
def test_optimised_and_tuned_the_terminal_recognises_the_same_people(
    weights_dir: Path, shared_faces: Path, cast: list[Person], tmp_path: Path
) -> None:
    try:
        open_parts(weights_dir, RecognizerSettings())
    except MissingWeightsError as error:
        pytest.skip(str(error))
    folder, run = tmp_path / "derived", CliRunner()
    words = ["--to", str(folder), "--weights", str(weights_dir), "--json"]
    photos = str(shared_faces / "identification" / "johns")
    done = run.invoke(cli, ["models", "optimize", photos, *words], catch_exceptions=False)
    rows = {(row["network"], row["kind"]): row for row in json.loads(done.stdout)["networks"]}
    derived = read_derived(folder)
    pinned = open_recognizer(weights_dir, RecognizerSettings())
    for (name, kind), row in rows.items():
        assert (derived.find(name, kind) is not None) == (row["taken"] == "taken")
        if kind == "graph":
            assert row["taken"] == "taken", row

    terminal(tmp_path)
    config = settings_file(tmp_path)
    recognition = f'[recognition]\nweights = "{weights_dir}"\nderived = "{folder}"\n'
    config.write_text(config.read_text() + recognition)
    done = run.invoke(cli, ["tune", "--config", str(config)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    settings = load(config)
    assert set(recognizer_settings(settings).derived.kinds) == {"embedder", "pad", "confirm"}
    tuned = open_eyes(settings)
    assert not any("passed over" in note for note in tuned.notes)
    assert tuned.model_digest == pinned.model_digest
    _judged_alike(pinned, tuned, cast)
    # Whatever was faster here: every network as its graph.
    graphs = RecognizerSettings(derived=Choice(folder))
    rewritten = open_recognizer(weights_dir, graphs)
    networks = {name for name, kind in rows if kind == "graph"}
    notes = [note for note in rewritten.notes if "runs as graph" in note]
    assert {note.split()[0] for note in notes} == networks
    _judged_alike(open_recognizer(weights_dir, RecognizerSettings()), rewritten, cast)
    enrolling = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    serving = open_recognizer(weights_dir, replace(graphs, pad=False))
    _recognised_alike(enrolling, serving, cast)

    other = open_recognizer(
        weights_dir,
        _with_embedder(recognizer_settings(settings), "fp16"),
    )
    assert other.model_digest != pinned.model_digest
    words = ["--derived", str(folder), "--weights", str(weights_dir), "--json"]
    for embedder, model in (("pinned", pinned.model_digest), ("fp16", other.model_digest)):
        more = ["--embedder", embedder]
        done = run.invoke(cli, ["evaluate", photos, *words, *more], catch_exceptions=False)
        found = json.loads(done.stdout)
        assert found["model"] == model
        assert (found["fnmr"], found["fmr"]) == (0.0, 0.0)
    whole = (folder / "minifasnet_v2_80x80_s2.7.graph.onnx").read_bytes()
    (folder / "minifasnet_v2_80x80_s2.7.graph.onnx").write_bytes(whole + b"\0")
    with pytest.raises(WrongWeightsError, match=FILE):
        open_recognizer(weights_dir, graphs)


def _with_embedder(settings: RecognizerSettings, kind: str) -> RecognizerSettings:
    choice = replace(settings.derived, own_embedder=kind)  # type: ignore[arg-type]
    return replace(settings, derived=choice)


def _judged_alike(pinned: Recognizer, tuned: Recognizer, cast: list[Person]) -> None:
    """Somebody before both terminals is alive to both or to none."""
    judged = 0
    for i, person in enumerate(cast):
        one, other = (eyes.look(_near(person), i * 10.0).subject for eyes in (pinned, tuned))
        assert one is not None
        assert other is not None
        assert (one.attack, one.quality.reason) == (other.attack, other.quality.reason)
        if one.live is not None and other.live is not None:
            assert abs(one.live - other.live) <= SAME
            judged += 1
    assert judged >= 3


def _recognised_alike(pinned: Recognizer, tuned: Recognizer, cast: list[Person]) -> None:
    """Whom the pinned network enrolled is known to the tuned terminal, and nobody else is."""
    enrolled = [person for person in cast if person.number is not None]
    templates = []
    for person in enrolled:
        (photo,) = pinned.embed_photo(portrait(person.walks[0]))
        assert photo.embedding is not None
        templates.append(photo.embedding)
    at = threshold(len(templates), 0.003, pinned.calibration)
    for i, person in enumerate(cast):
        subject = tuned.look(_near(person), i * 10.0).subject
        assert subject is not None
        if subject.embedding is None:
            assert person not in enrolled, subject.quality.reason
            continue
        scores = np.stack(templates) @ subject.embedding
        known = [p is person and s >= at for p, s in zip(enrolled, scores, strict=True)]
        assert [bool(s >= at) for s in scores] == known


def _near(person: Person) -> Image:
    return view(person.walks[0], 150, (0.5, 0.42), (WIDTH, HEIGHT))
