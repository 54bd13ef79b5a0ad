"""What of the keys is in a process's memory, and who can get at it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from store import hardening
from tests.store.memory import copies
from tests.store.rotation_harness import make_terminal
from tests.store.test_processes import ROOT, start

_NOBODY = 65534


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has both databases open."""
    make_terminal(tmp_path)
    child = start("children", "hold-keys", str(tmp_path))
    assert child.stdout
    assert child.stdout.readline() == "open\n"
    yield child
    child.communicate()


def test_no_copy_of_a_database_s_key_is_left_once_it_is_closed(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert holder.stdin
    assert holder.stdout
    keys = {
        n: bytes.fromhex((tmp_path / "keys" / f"{n}.key").read_text())
        for n in ("ledger", "gallery")
    }
    try:
        held = {n: copies(holder.pid, key) for n, key in keys.items()}
    except PermissionError:
        pytest.skip("this kernel lets nobody read a child's memory")
    # That the search finds what is there, the signing key shows: OpenSSL holds it in clear.
    pem = (tmp_path / "keys" / "signing.key").read_bytes()
    signing = load_pem_private_key(pem, None).private_bytes_raw()  # type: ignore[union-attr]
    assert copies(holder.pid, signing)["raw"] > 0
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "closed\n"
    left = {n: copies(holder.pid, key) for n, key in keys.items()}
    sys.stdout.write(f"while open {held}, after closing {left}\n")
    assert all(sum(found.values()) == 0 for found in left.values()), left


def test_no_pem_of_a_private_key_is_left_once_it_is_loaded(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    for name in ("signing", "sealing"):
        pem = (tmp_path / "keys" / f"{name}.key").read_bytes()
        body = pem.splitlines()[1]
        raw = load_pem_private_key(pem, None).private_bytes_raw()  # type: ignore[union-attr]
        try:
            text, found = copies(holder.pid, body), copies(holder.pid, raw)
        except PermissionError:
            pytest.skip("this kernel lets nobody read a child's memory")
        sys.stdout.write(f"{name}: PEM {text['raw']}, raw {found['raw']}\n")
        assert text["raw"] == 0


# Who gets at it

_SOURCE = Path(hardening.__file__).read_text().replace("from __future__ import annotations", "")
_WAIT = "print('ready', flush=True); import sys; sys.stdin.readline()"


def child(code: str, *, user: int | None = None) -> subprocess.Popen[str]:
    """A bare interpreter, which another user can start as well."""
    return subprocess.Popen(
        ["/usr/bin/env", "python3", "-I", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        user=user,
        env={"PATH": "/usr/bin:/bin"},
    )


def dumps_core(code: str) -> bool:
    """Whether the kernel dumped a core of a process that ran the code and aborted."""
    aborting = (
        "import os, resource, tempfile; os.chdir(tempfile.mkdtemp()); "
        f"resource.setrlimit(resource.RLIMIT_CORE, (1 << 26, 1 << 26))\n{code}\nos.abort()"
    )
    process = os.spawnlp(os.P_NOWAIT, "python3", "python3", "-I", "-c", aborting)  # noqa: S606
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_crash_leaves_no_core_dump() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != resource.RLIM_INFINITY:
        pytest.skip("this user may not dump cores at all")
    if not dumps_core(""):
        pytest.skip("this kernel dumps no cores, so there is nothing to forbid")
    assert not dumps_core(f"{_SOURCE}\nharden()")


def test_no_core_is_dumped_even_where_the_limit_does_not_count() -> None:
    """A pipe in core_pattern gets dumps whatever the limit; the flag holds it off as well."""
    code = f"{_SOURCE}\nharden()\nimport ctypes\nprint(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    process = child(code)
    out, _ = process.communicate()
    assert out == "0\n"  # PR_GET_DUMPABLE


def test_another_process_of_the_same_user_cannot_read_the_memory() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start processes of another user")
    peek = "print(open('/proc/%d/mem', 'rb') and 'read')"
    seen = {}
    for name, code in (("plain", _WAIT), ("hardened", f"{_SOURCE}\nharden()\n{_WAIT}")):
        holder = child(code, user=_NOBODY)
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        reader = subprocess.run(
            ["/usr/bin/env", "python3", "-I", "-c", peek % holder.pid],
            capture_output=True,
            text=True,
            cwd="/",
            user=_NOBODY,
            check=False,
        )
        seen[name] = reader.stdout.strip() or reader.stderr.strip().splitlines()[-1]
        holder.communicate("\n")
    if seen["plain"] != "read":
        pytest.skip("this kernel keeps even plain processes apart (yama)")
    assert "Permission denied" in seen["hardened"]


@pytest.mark.parametrize(("program", "words"), [("kiosk", ["run"]), ("kiosk-sync", ["run"])])
def test_both_daemons_harden_themselves_before_they_read_anything(
    tmp_path: Path, program: str, words: list[str]
) -> None:
    """The settings are a pipe, so that the program stands still while it is looked at."""
    pipe = tmp_path / "kiosk.toml"
    os.mkfifo(pipe)
    started = subprocess.Popen(
        [str(Path(sys.executable).parent / program), *words, "--config", str(pipe)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    with pipe.open("w") as settings:  # opens when the program reads
        limits = Path(f"/proc/{started.pid}/limits").read_text()
        owner = Path(f"/proc/{started.pid}/mem").stat().st_uid
        settings.write("not toml")
    _, stderr = started.communicate()
    assert b"it is not TOML" in stderr
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core")]
    assert core[4:6] == ["0", "0"]
    assert owner == 0
