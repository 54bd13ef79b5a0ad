"""Which networks run, by digest: what the boot record and the status tell."""

from __future__ import annotations

from pathlib import Path

from recognizer.manifest import load_manifest
from recognizer.pipeline import RecognizerSettings, open_recognizer


def digests(weights: Path, **choice: object) -> dict[str, str]:
    return open_recognizer(weights, RecognizerSettings(**choice)).model_digests  # type: ignore[arg-type]


def test_every_network_that_runs_is_told_by_its_use(weights_dir: Path) -> None:
    manifest = load_manifest()
    pad = manifest.pack("open").pad
    assert pad is not None
    found = digests(weights_dir)  # YuNet and a confirmation, or MTCNN's three, by what is here
    others = set(found) - {"embedder", "pad_1", "pad_2"}
    assert others in ({"detector", "confirm"}, {"detector"}, {f"detector_{n}" for n in (1, 2, 3)})
    names = {file.sha256: name for name, file in manifest.files.items()}
    assert [names[found[f"pad_{n}"]] for n in (1, 2)] == [net.file for net in pad.networks]
    assert len(set(found.values())) == len(found)


def test_a_network_that_does_not_run_is_not_told(weights_dir: Path) -> None:
    assert not [use for use in digests(weights_dir, pad=False) if use.startswith("pad")]


def test_the_embedders_is_the_one_that_templates_carry(weights_dir: Path) -> None:
    eyes = open_recognizer(weights_dir, RecognizerSettings())
    assert eyes.model_digests["embedder"] == eyes.model_digest
