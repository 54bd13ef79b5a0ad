"""A site's files, and a small bundle, signed as scripts/make-bundle signs."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.provision.shell import ANSWERS
from tests.sync.conftest import authority, broker, server

__all__ = ["authority", "broker", "server"]


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A maker's key; its public half is beside it, with .pub."""
    key = tmp_path_factory.mktemp("maker") / "maker.key"
    openssl("genpkey", "-algorithm", "ED25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", f"{key}.pub")
    return key


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """An answers file; the CA and headquarters' key are files that are there."""
    for name in ("ca.pem", "hq.pub"):
        (tmp_path / name).write_text("a file that is there\n")
    lines = [f"{key}={value}\n" for key, value in ANSWERS.items()]
    file = tmp_path / "answers"
    file.write_text(
        "# gate A\n" + "".join(lines) + f"BROKER_CA={tmp_path}/ca.pem\nHQ_KEY={tmp_path}/hq.pub\n"
    )
    return file


@pytest.fixture
def bundle(tmp_path: Path, signer: Path) -> Path:
    """A bundle for this machine, with one wheel that is none."""
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "kiosk-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    python = ".".join(map(str, sys.version_info[:2]))
    (folder / "bundle.txt").write_text(
        f"version=0.1.0\nmachine={platform.machine()}\npython={python}\n"
    )
    sign(folder, signer)
    return folder


def sign(folder: Path, key: Path) -> None:
    """List and sign what is in the folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    listed = subprocess.run(
        ["sha256sum", *(f"./{file.relative_to(folder)}" for file in files)],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout
    sums = folder / "SHA256SUMS"
    sums.write_bytes(listed)
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", sums, "-out", f"{sums}.sig")
    (folder / "signer.pub").write_bytes(Path(f"{key}.pub").read_bytes())
