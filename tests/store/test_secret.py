"""Secrets show themselves nowhere: not in text, tracebacks, pickles, and not after wiping."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import keys, opening
from store.database import open_database
from store.keys import create_next_key, load_database_key, load_signing_key
from store.opening import open_keyed
from store.secret import Secret
from tests.store.memory import forms
from tests.store.rotation_harness import make_terminal, rotate_in


@given(st.binary(max_size=100))
def test_hex_and_back_is_the_same(content: bytes) -> None:
    secret = Secret.copy_of(content)
    assert bytes(secret.hex().view) == content.hex().encode()
    assert Secret.from_hex(secret.hex().view) == secret
    assert Secret.from_hex(memoryview(content.hex().upper().encode())) == secret


@given(st.binary(max_size=70).filter(lambda b: not b or len(b) % 2 or any(c > 102 for c in b)))
def test_what_is_no_hex_is_refused_without_showing_it(text: bytes) -> None:
    if not text:
        assert len(Secret.from_hex(memoryview(text))) == 0
        return
    with pytest.raises(ValueError, match=r"^not hex digits$"):
        Secret.from_hex(memoryview(text))


def test_a_secret_is_wiped_at_the_end_also_of_a_failure() -> None:
    secret = Secret.random(32)
    view = secret.view
    assert any(view)
    with pytest.raises(RuntimeError), secret:
        raise RuntimeError
    assert bytes(view) == bytes(32)


def test_two_random_secrets_differ() -> None:
    assert Secret.random(32) != Secret.random(32)
    assert Secret.random(32) != b"x" * 32


def test_a_secret_has_no_text_and_no_pickle() -> None:
    secret = Secret.copy_of(b"a sentence that is secret")
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert "sentence" not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)


# Every way in which handling a key can fail


def _fail(*_: object, **__: object) -> Any:
    raise OSError(5, "Input/output error")


class _Refusing:
    """A connection that fails at the key."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return _fail if name in ("set_key", "reset_key") else getattr(self._real, name)


def _wrong_key(folder: Path, patch: pytest.MonkeyPatch) -> None:
    os.replace(folder / "keys" / "gallery.key", folder / "keys" / "ledger.key")  # noqa: PTH105
    open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)


def _malformed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "keys" / "ledger.key"
    path.chmod(0o600)
    path.write_text(path.read_text() + "zz")
    path.chmod(0o400)
    load_database_key(folder / "keys", "ledger")


def _exposed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "keys" / "signing.key").chmod(0o644)
    load_signing_key(folder / "keys")


def _no_pem(folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "keys" / "signing.key"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-20])
    path.chmod(0o400)
    load_signing_key(folder / "keys")


def _openssl(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "load_pem_private_key", _fail)
    load_signing_key(folder / "keys")


def _set_key(folder: Path, patch: pytest.MonkeyPatch) -> None:
    from sqlcipher3 import dbapi2

    real = dbapi2.connect
    patch.setattr(dbapi2, "connect", lambda *a, **k: _Refusing(real(*a, **k)))
    open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)


def _after_the_key(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("store.database._set_up", _fail)
    open_keyed(folder / "ledger.db", folder / "keys", "ledger", create=False)


def _short_key(folder: Path, patch: pytest.MonkeyPatch) -> None:
    key = load_database_key(folder / "keys", "ledger")
    open_database(folder / "ledger.db", Secret.copy_of(key.view[:31]), create=False)


def _placing(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "link", _fail)
    create_next_key(folder / "keys", "ledger")


def _rekey(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("store.database.Database.rekey", lambda self, key: _fail(key))
    rotate_in(folder)


def _taking(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("store.rotation.take_next_key", _fail)
    rotate_in(folder)


def _second_look(folder: Path, patch: pytest.MonkeyPatch) -> None:
    create_next_key(folder / "keys", "ledger")
    patch.setattr(opening, "load_next_key", _fail)
    _wrong_key(folder, patch)


def _without_ours(error: BaseException) -> list[str]:
    """The tracebacks of an error and what led to it, with locals, but for the tests' own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    one: traceback.TracebackException | None = told
    while one is not None:
        one.stack[:] = [f for f in one.stack if f.filename != __file__]
        one = one.__cause__ or one.__context__
    return list(told.format())


@pytest.mark.parametrize(
    "failing",
    [
        _wrong_key,
        _malformed,
        _exposed,
        _no_pem,
        _openssl,
        _set_key,
        _after_the_key,
        _short_key,
        _placing,
        _rekey,
        _taking,
        _second_look,
    ],
)
def test_no_failure_shows_a_key_even_with_all_local_variables(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: Callable[[Path, pytest.MonkeyPatch], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_terminal(tmp_path)
    before = [path.read_bytes() for path in sorted((tmp_path / "keys").glob("*.key*"))]
    try:
        failing(tmp_path, monkeypatch)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is looked at)
        raised: Exception = error
    else:
        pytest.fail("nothing failed")
    monkeypatch.undo()
    shown = "".join(_without_ours(raised))
    shown += "".join(capfd.readouterr())
    assert str(raised) in shown
    after = [path.read_bytes() for path in sorted((tmp_path / "keys").glob("*.key*"))]
    for content in {*before, *after}:
        if content.startswith(b"-----"):
            assert content.splitlines()[1].decode() not in shown
            continue
        key = bytes.fromhex(content[:64].decode())
        for needle in (*forms(key).values(), repr(key)[2:-1].encode()):
            assert needle not in shown.encode()
