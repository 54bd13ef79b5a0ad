"""`kiosk keys`: sealing for real, rotating with sealed keys, and what the documentation says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.commands.keys import keys as keys_group
from kiosk.sealing import seal_keys, sealed_copies, unseal_keys
from kiosk.stores import open_stores
from store import rotation
from store.keys import load_signing_key
from store.rotation import rotate
from store.settings import StoreSection
from tests.kiosk.made import now, terminal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def _creds() -> None:
    done = (
        subprocess.run(
            ["systemd-creds", "encrypt", "--name=x", "-", "-"],
            input=b"x",
            capture_output=True,
            check=False,
        )
        if shutil.which("systemd-creds")
        else None
    )
    if done is None or done.returncode != 0:
        pytest.skip("systemd-creds cannot seal on this machine")


@pytest.mark.usefixtures("_creds")
def test_sealed_keys_come_back_and_follow_a_rotation(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings):
        pass
    keys, sealed = tmp_path / "keys", tmp_path / "sealed"
    assert len(seal_keys(keys, sealed)) == 6
    old = {path.name: path.read_bytes() for path in keys.glob("*.key")}
    held = b"".join(path.read_bytes() for path in sealed.iterdir())
    assert not any(content.strip() in held for content in old.values())
    shutil.rmtree(keys)
    unseal_keys(sealed, keys)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == old
    signer = load_signing_key(keys)
    rotate(tmp_path, keys, settings.terminal, signer, now, sealed_copies(keys, sealed))
    shutil.rmtree(keys)
    unseal_keys(sealed, keys)
    assert (keys / "ledger.key").read_bytes() != old["ledger.key"]
    with open_stores(settings) as stores:
        assert stores.ledger.head().seq == 2


@pytest.mark.usefixtures("_creds")
def test_a_power_cut_in_a_sealed_rotation_loses_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Crash

    settings = terminal(tmp_path)
    with open_stores(settings):
        pass
    keys, sealed = tmp_path / "keys", tmp_path / "sealed"
    seal_keys(keys, sealed)
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_finish", stop)  # the ledger is under the new key by now
        signer = load_signing_key(keys)
        with pytest.raises(Crash):
            rotate(tmp_path, keys, settings.terminal, signer, now, sealed_copies(keys, sealed))
    shutil.rmtree(keys)  # they were in memory
    again = settings.model_copy(
        update={"store": StoreSection(directory=tmp_path, keys=tmp_path / "run")}
    )
    unseal_keys(sealed, tmp_path / "run")
    with open_stores(again) as stores:
        assert stores.ledger.head().seq == 1


def test_sync_gets_the_ledger_s_key_and_no_other() -> None:
    lines = (ROOT / "systemd/sealed/kiosk-sync.service.conf").read_text().splitlines()
    loads = [line for line in lines if line.startswith("LoadCredential")]
    assert loads == ["LoadCredentialEncrypted=ledger.key:/etc/kiosk/sealed/ledger.key.cred"]


def test_every_command_that_the_documentation_names_exists() -> None:
    named = set(re.findall(r"kiosk keys ([a-z]+)", (ROOT / "docs/keys.md").read_text()))
    assert named == set(keys_group.commands)
