"""Key files: made once, whole, for their owner's eyes, and refused with the mend otherwise."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from store.errors import ExposedKeyError, KeyFileError, MalformedKeyError, MissingKeyError
from store.keys import (
    create_keys,
    load_database_key,
    load_public_key,
    load_sealing_key,
    load_signing_key,
)

FILES = {
    "ledger.key": 0o400,
    "gallery.key": 0o400,
    "templates.key": 0o400,
    "badges.key": 0o400,
    "signing.key": 0o400,
    "sealing.key": 0o400,
    "signing.pub": 0o444,
    "sealing.pub": 0o444,
}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def replace(path: Path, text: bytes) -> None:
    path.unlink()
    path.write_bytes(text)
    path.chmod(0o400)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_all_keys_are_made_for_their_owner_alone(keys: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()}
    assert modes == FILES
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700


def test_the_keys_load(keys: Path) -> None:
    ledger, gallery = load_database_key(keys, "ledger"), load_database_key(keys, "gallery")
    assert len(ledger) == len(gallery) == 32
    assert ledger != gallery
    public = load_public_key(keys / "signing.pub")
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    own = load_signing_key(keys).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert raw == own
    load_sealing_key(keys)


def test_keys_that_are_there_are_never_overwritten(keys: Path) -> None:
    before = content(keys)
    assert create_keys(keys) == ()
    assert content(keys) == before


@pytest.mark.parametrize("name", FILES)
def test_only_the_missing_key_is_made(keys: Path, name: str) -> None:
    before = content(keys)
    (keys / name).unlink()
    if name.endswith(".key") and name.replace(".key", ".pub") in FILES:
        (keys / name.replace(".key", ".pub")).unlink()
    made = create_keys(keys)
    assert name in made
    assert {n: c for n, c in content(keys).items() if n not in made} == {
        n: c for n, c in before.items() if n not in made
    }


def test_two_makers_at_once_agree(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made: list[str] = []
    makers = [threading.Thread(target=lambda: made.extend(create_keys(folder))) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(made) == sorted(FILES)
    assert sorted(content(folder)) == sorted(FILES)  # nothing is left aside
    own = load_signing_key(folder).public_key()
    public = load_public_key(folder / "signing.pub")
    assert own.public_bytes_raw() == public.public_bytes_raw()


@pytest.mark.parametrize("mode", [0o404, 0o402, 0o420, 0o644])
def test_a_secret_that_others_can_get_at_is_refused_with_the_mend(keys: Path, mode: int) -> None:
    (keys / "ledger.key").chmod(mode)
    with pytest.raises(ExposedKeyError, match=r"chmod 0400 .*ledger\.key"):
        load_database_key(keys, "ledger")


def test_a_secret_that_its_group_reads_is_taken(keys: Path) -> None:
    (keys / "ledger.key").chmod(0o440)
    load_database_key(keys, "ledger")


def test_a_missing_key_names_the_file_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError, match=r"ledger\.key.*kiosk keys create"):
        load_database_key(tmp_path, "ledger")
    with pytest.raises(MissingKeyError, match=r"signing\.key.*kiosk keys create"):
        load_signing_key(tmp_path)
    with pytest.raises(MissingKeyError, match=r"hq\.pub.*headquarters"):
        load_public_key(tmp_path / "hq.pub")


@pytest.mark.parametrize("text", [b"", b"ab", b"zz" * 32, b"\xff" * 64, b"00" * 33, b"00" * 10**6])
def test_another_database_key_is_refused_without_showing_it(keys: Path, text: bytes) -> None:
    replace(keys / "ledger.key", text)
    with pytest.raises(MalformedKeyError) as caught:
        load_database_key(keys, "ledger")
    assert "zz" not in str(caught.value)


def test_a_key_of_another_kind_is_refused(keys: Path) -> None:
    replace(keys / "signing.key", (keys / "sealing.key").read_bytes())
    with pytest.raises(MalformedKeyError, match="not an Ed25519"):
        load_signing_key(keys)
    with pytest.raises(MalformedKeyError, match="not an Ed25519"):
        load_public_key(keys / "sealing.pub")
    with pytest.raises(MalformedKeyError, match="not an Ed25519"):
        load_public_key(keys / "signing.key")


@pytest.mark.parametrize("text", [b"", b"-----BEGIN PRIVATE KEY-----\nAA\n", b"\x00" * 100])
def test_what_is_no_pem_is_refused(keys: Path, text: bytes) -> None:
    replace(keys / "signing.key", text)
    replace(keys / "sealing.key", text)
    with pytest.raises(MalformedKeyError):
        load_signing_key(keys)
    with pytest.raises(MalformedKeyError):
        load_sealing_key(keys)


def test_a_key_that_is_a_folder_is_an_error_of_ours(keys: Path) -> None:
    (keys / "ledger.key").unlink()
    (keys / "ledger.key").mkdir(mode=0o400)
    with pytest.raises(KeyFileError):
        load_database_key(keys, "ledger")


def test_a_directory_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeyFileError):
        create_keys(tmp_path / "file" / "keys")


def test_a_key_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails at any step, each key is whole or absent, and a second run mends it."""
    for step in ("fsync", "link", "fchmod"):
        folder = tmp_path / step
        real, left = getattr(os, step), [2]

        def failing(*args: object, real: object = real, left: list[int] = left) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            assert callable(real)
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(os, step, failing)
            with pytest.raises(KeyFileError, match="No space left"):
                create_keys(folder)
        assert all(name in FILES for name in content(folder))
        create_keys(folder)
        assert sorted(content(folder)) == sorted(FILES)
        load_database_key(folder, "ledger")
        load_signing_key(folder)
