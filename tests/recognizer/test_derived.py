"""Which form of a network is opened, and under which identity its numbers are kept."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from recognizer.derived import FILE, Choice, Derived, DerivedFile, Kind, Networks, Use
from recognizer.errors import ManifestError, MissingWeightsError, WrongWeightsError
from recognizer.manifest import Manifest, load_manifest

EMBEDDER, PAD = "mobilefacenet_arcface_192.onnx", "minifasnet_v2_80x80_s2.7.onnx"
NAMES: tuple[tuple[str, Use], ...] = ((EMBEDDER, "embedder"), (PAD, "pad"))


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, _ in NAMES:
        (folder / name).write_bytes(b"original of " + name.encode())
    return folder


@pytest.fixture
def manifest(weights: Path) -> Manifest:
    known = load_manifest()
    files = {
        name: known.files[name].model_copy(
            update={"sha256": digest((weights / name).read_bytes()), "variants": ()}
        )
        for name, _ in NAMES
    }
    return known.model_copy(update={"files": known.files | files})


def derive(folder: Path, manifest: Manifest, *kinds: Kind) -> Path:
    """A folder with each of the kinds of both networks."""
    folder.mkdir()
    files = []
    for name, _ in NAMES:
        for kind in kinds:
            raw = f"{kind} of {name}".encode()
            (folder / f"{name}.{kind}").write_bytes(raw)
            files.append(
                DerivedFile(
                    original=name,
                    original_sha256=manifest.files[name].sha256,
                    kind=kind,
                    file=f"{name}.{kind}",
                    sha256=digest(raw),
                    bytes=len(raw),
                    measured={"time_ratio": 0.5},
                )
            )
    derived = Derived(version=1, pack="open", photos=55, files=tuple(files))
    (folder / FILE).write_text(derived.model_dump_json())
    return folder


def opened(networks: Networks) -> list[str]:
    return [networks.read(name, use).decode().split()[0] for name, use in NAMES]


def test_without_a_folder_the_originals_are_opened(weights: Path, manifest: Manifest) -> None:
    networks = Networks(weights, manifest, Choice(kinds={"pad": "int8"}))
    assert opened(networks) == ["original", "original"]
    assert networks.notes == []


def test_the_same_network_rewritten_keeps_the_originals_identity(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph", "int8")
    networks = Networks(weights, manifest, Choice(folder))
    assert opened(networks) == ["graph", "graph"]
    assert [networks.digest(n) for n, _ in NAMES] == [manifest.files[n].sha256 for n, _ in NAMES]
    assert [note.split()[:4] for note in networks.notes] == [
        [name, "runs", "as", "graph"] for name, _ in NAMES
    ]


def test_a_tuning_makes_pad_another_network_but_never_the_embedder(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph", "int8")
    networks = Networks(weights, manifest, Choice(folder, {"pad": "int8", "embedder": "int8"}))
    assert opened(networks) == ["graph", "int8"]
    assert networks.digest(EMBEDDER) == manifest.files[EMBEDDER].sha256
    assert networks.digest(PAD) == digest(f"int8 of {PAD}".encode())


def test_the_technicians_word_makes_the_embedder_another_network_with_its_own_identity(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph", "int8")
    for kinds in ({}, {"embedder": "original"}, {"embedder": "graph"}):
        choice = Choice(folder, kinds, own_embedder="int8")  # type: ignore[arg-type]
        networks = Networks(weights, manifest, choice)
        assert networks.read(EMBEDDER, "embedder") == f"int8 of {EMBEDDER}".encode()
        assert networks.digest(EMBEDDER) == digest(f"int8 of {EMBEDDER}".encode())


def test_a_word_for_what_was_not_taken_stops_and_changes_no_identity(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph")
    networks = Networks(weights, manifest, Choice(folder, own_embedder="fp16"))
    with pytest.raises(MissingWeightsError, match=r"no fp16 .* not taken"):
        networks.read(EMBEDDER, "embedder")


def test_where_a_kind_was_not_taken_the_graph_stands_in_and_then_the_original(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    graph = derive(tmp_path / "graph", manifest, "graph")
    assert opened(Networks(weights, manifest, Choice(graph, {"pad": "int8"})))[1] == "graph"
    nothing = derive(tmp_path / "nothing", manifest)
    assert opened(Networks(weights, manifest, Choice(nothing, {"pad": "int8"})))[1] == "original"


def test_a_tuning_can_ask_for_the_original(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph", "int8")
    choice = Choice(folder, {"pad": "original", "embedder": "original"})
    assert opened(Networks(weights, manifest, choice)) == ["original", "original"]


def test_a_derived_file_that_changed_stops_and_names_both_digests(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph")
    (folder / f"{PAD}.graph").write_bytes(b"something else")
    networks = Networks(weights, manifest, Choice(folder))
    with pytest.raises(WrongWeightsError) as stopped:
        networks.read(PAD, "pad")
    for part in (digest(b"something else"), digest(f"graph of {PAD}".encode()), "models optimize"):
        assert part in str(stopped.value)
    (folder / f"{PAD}.graph").unlink()
    with pytest.raises(MissingWeightsError, match="cannot be read"):
        networks.read(PAD, "pad")


def test_what_was_derived_of_another_original_is_passed_over_and_said(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph")
    newer = b"original of a later release"
    (weights / PAD).write_bytes(newer)
    file = manifest.files[PAD].model_copy(update={"sha256": digest(newer)})
    networks = Networks(
        weights, manifest.model_copy(update={"files": manifest.files | {PAD: file}}), Choice(folder)
    )
    assert networks.read(PAD, "pad") == newer
    assert networks.digest(PAD) == digest(newer)
    assert "of another" in networks.notes[0]


@pytest.mark.parametrize("change", ['"surprise":1,"version"', '"photos":0,"version"'])
def test_a_list_that_says_something_else_is_a_typed_error(
    change: str, weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph")
    text = (folder / FILE).read_text()
    (folder / FILE).write_text(text.replace('"version"', change, 1).replace('"photos":55,', ""))
    with pytest.raises(ManifestError, match="models optimize"):
        Networks(weights, manifest, Choice(folder))


def test_a_list_names_no_file_outside_of_its_folder(
    weights: Path, manifest: Manifest, tmp_path: Path
) -> None:
    folder = derive(tmp_path / "derived", manifest, "graph")
    text = (folder / FILE).read_text()
    (folder / FILE).write_text(text.replace(f'"{PAD}.graph"', '"../weights/x"'))
    with pytest.raises(ManifestError):
        Networks(weights, manifest, Choice(folder))


def test_a_folder_without_a_list_is_a_typed_error(weights: Path, manifest: Manifest) -> None:
    with pytest.raises(MissingWeightsError, match=FILE):
        Networks(weights, manifest, Choice(weights))
