"""Nothing of a release is believed but what its publisher signed."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minisign import KeyPair

from kiosk.update.bundle import take_in, unpack
from kiosk.update.errors import PreparationError, RefusedReleaseError, UntrustedError
from kiosk.update.manifest import parse
from kiosk.update.signature import SUFFIX, check, sign
from tests.update.world import KEYS, manifest, release

PUBLIC = bytes(KEYS.public_key)


def tar_of(file: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A signed file with just these members."""
    with tarfile.open(file, "w") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    file.with_name(file.name + SUFFIX).write_bytes(sign(file, KEYS.secret_key, "c"))
    return file


def test_a_release_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    bundle = take_in(release(tmp_path / "stick", "1.1"), PUBLIC, tmp_path / "in")
    assert bundle.manifest.version == "1.1"
    assert bundle.comment.startswith("kiosk release 1.1 ")
    (wheel,) = unpack(bundle, tmp_path / "in" / "wheels")
    assert wheel.read_bytes() == b"1.1"


def test_the_same_wheels_give_the_same_file(tmp_path: Path) -> None:
    one, other = release(tmp_path / "a", "1.1"), release(tmp_path / "b", "1.1")
    assert one.read_bytes() == other.read_bytes()


def test_one_changed_byte_anywhere_is_noticed(tmp_path: Path) -> None:
    file = release(tmp_path / "stick", "1.1")
    whole = file.read_bytes()
    for at in range(0, len(whole), 997):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(UntrustedError, match="nothing of it was opened"):
            take_in(file, PUBLIC, tmp_path / "in")


def test_the_comment_is_signed_too(tmp_path: Path) -> None:
    file = release(tmp_path / "stick", "1.1")
    signature = file.with_name(file.name + SUFFIX)
    signature.write_bytes(signature.read_bytes().replace(b"release 1.1", b"release 9.9"))
    with pytest.raises(UntrustedError):
        take_in(file, PUBLIC, tmp_path / "in")


def test_without_its_signature_it_is_none(tmp_path: Path) -> None:
    file = release(tmp_path / "stick", "1.1")
    file.with_name(file.name + SUFFIX).unlink()
    with pytest.raises(PreparationError, match="No such file"):
        take_in(file, PUBLIC, tmp_path / "in")


def test_what_the_minisign_program_signed_is_believed(tmp_path: Path) -> None:
    """By minisign 0.11 of Debian 12, `minisign -S -H -t c`; it accepts ours as well."""
    (tmp_path / "f").write_bytes(b"hello\n")
    public = b"""untrusted comment: minisign public key E74A6C1D9C41C021
RWQhwEGcHWxK55EKQn81juwFETq71wFyGxdDxMNbRfnAzGx2+cVGT7vr
"""
    signature = b"""untrusted comment: signature from minisign secret key
RUQhwEGcHWxK51DiFPvSOa+lb8UafN45pvFjiVqSvdj+X+eW9lvchU+UozjIYm80WnvVqJza/gLGv2RWZkjChMOI2TspR0DZgg0=
trusted comment: c
R3a8kdMBQgYkAakU6wXYbnCsvVX+NNhauVjOo9o4orwtSh4HqibojiKKRHv5SCpqzBDywsQkNNzk/IilhxtICg==
"""
    assert check(tmp_path / "f", signature, public) == "c"


def test_a_signature_of_the_old_kind_is_refused(tmp_path: Path) -> None:
    file = release(tmp_path / "stick", "1.1")
    old = KEYS.secret_key.sign(file.read_bytes(), prehash=False)
    with pytest.raises(UntrustedError, match="not of the prehashed kind"):
        check(file, bytes(old), PUBLIC)


def test_members_that_are_no_files_are_not_read(tmp_path: Path) -> None:
    link = tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(UntrustedError, match="no file"):
        take_in(tar_of(tmp_path / "a.tar", [(link, b"")]), PUBLIC, tmp_path / "in")
    (tmp_path / "b.tar").write_bytes(b"signed, but no tar")
    file = tmp_path / "b.tar"
    file.with_name(file.name + SUFFIX).write_bytes(sign(file, KEYS.secret_key, "c"))
    with pytest.raises(UntrustedError, match="no release"):
        take_in(file, PUBLIC, tmp_path / "in")


@pytest.mark.parametrize("name", ["../evil.whl", "/evil.whl", "a/b.whl", "a.whl\n", "x.txt"])
def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    said, _ = manifest("1.1", tmp_path, wheels={name: "0" * 64})
    content = said.model_dump_json().encode()
    file = tar_of(tmp_path / "a.tar", [(tarfile.TarInfo("manifest.json"), content)])
    with pytest.raises(UntrustedError, match="no file names"):
        take_in(file, PUBLIC, tmp_path / "in")


def test_a_wheel_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    said, wheels = manifest("1.1", tmp_path)
    said = said.model_copy(update={"wheels": {wheels[0].name: "0" * 64}})
    members = [
        (tarfile.TarInfo("manifest.json"), said.model_dump_json().encode()),
        (tarfile.TarInfo(f"wheels/{wheels[0].name}"), b"another"),
    ]
    bundle = take_in(tar_of(tmp_path / "a.tar", members), PUBLIC, tmp_path / "in")
    with pytest.raises(UntrustedError, match="not the wheel"):
        unpack(bundle, tmp_path / "in" / "wheels")


def test_a_later_format_and_unknown_fields(tmp_path: Path) -> None:
    said, _ = manifest("1.1", tmp_path)
    assert parse(json.dumps(said.model_dump() | {"later": [1]}).encode(), "r") == said
    later = said.model_copy(update={"format": 2}).model_dump_json().encode()
    with pytest.raises(RefusedReleaseError, match="install the release before it first"):
        parse(later, "r")


@given(st.binary(max_size=300))
def test_no_bytes_are_a_signature_or_a_manifest_by_chance(raw: bytes) -> None:
    with pytest.raises(UntrustedError):
        check(Path(__file__), raw, PUBLIC)
    with pytest.raises(UntrustedError):
        check(Path(__file__), bytes(KeyPair.generate().public_key), raw)
    with pytest.raises(UntrustedError):
        parse(raw, "r")
