"""A bundle is believed whole and signed by whom the technician trusts; else nothing changes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.provision.conftest import openssl, sign
from tests.provision.shell import provision

NOT_BELIEVED = 3

if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed", allow_module_level=True)


def test_a_whole_bundle_of_a_trusted_maker_is_taken(
    bundle: Path, signer: Path, answers: Path
) -> None:
    done = provision(
        "--dry-run", "--offline", bundle, "--trust", f"{signer}.pub", "--answers", answers
    )
    assert done.returncode == 0, done.stderr
    assert "ok     bundle" in done.stdout


def test_a_fingerprint_from_paper_is_trust_enough(
    bundle: Path, signer: Path, tmp_path: Path
) -> None:
    der = tmp_path / "der"
    openssl("pkey", "-pubin", "-in", f"{signer}.pub", "-outform", "DER", "-out", der)
    trust = f"sha256:{hashlib.sha256(der.read_bytes()).hexdigest()}"
    done = provision("--dry-run", "--offline", bundle, "--trust", trust)  # ends at the answers
    assert f"signed by {trust.removeprefix('sha256:')}" in done.stdout


def _change_a_wheel(bundle: Path) -> None:
    next(bundle.glob("wheels/*")).write_bytes(b"another wheel")


def _lose_a_wheel(bundle: Path) -> None:
    next(bundle.glob("wheels/*")).unlink()


def _add_a_wheel(bundle: Path) -> None:
    (bundle / "wheels" / "numpy-9.whl").write_bytes(b"one more")


def _add_to_the_list(bundle: Path) -> None:
    _add_a_wheel(bundle)
    digest = hashlib.sha256(b"one more").hexdigest()
    with (bundle / "SHA256SUMS").open("a") as sums:
        sums.write(f"{digest}  ./wheels/numpy-9.whl\n")


def _add_a_link(bundle: Path) -> None:
    (bundle / "wheels" / "more").symlink_to("/etc")


def _lose_the_signature(bundle: Path) -> None:
    (bundle / "SHA256SUMS.sig").unlink()


def _break_the_key(bundle: Path) -> None:
    (bundle / "signer.pub").write_text("no key")


@pytest.mark.parametrize(
    "tamper",
    [
        _change_a_wheel,
        _lose_a_wheel,
        _add_a_wheel,
        _add_to_the_list,
        _add_a_link,
        _lose_the_signature,
        _break_the_key,
    ],
)
def test_a_bundle_that_was_tampered_with_is_refused(
    tamper: Callable[[Path], None], bundle: Path, signer: Path, answers: Path
) -> None:
    tamper(bundle)
    done = provision(
        "--dry-run", "--offline", bundle, "--trust", f"{signer}.pub", "--answers", answers
    )
    assert done.returncode == NOT_BELIEVED, done.stdout
    assert "nothing was changed" in done.stderr
    assert "would" not in done.stdout


def test_a_bundle_signed_by_somebody_else_is_refused(
    bundle: Path, signer: Path, answers: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    openssl("genpkey", "-algorithm", "ED25519", "-out", other)
    openssl("pkey", "-in", other, "-pubout", "-out", f"{other}.pub")
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "signer.pub"):
        (bundle / name).unlink()
    sign(bundle, other)
    done = provision(
        "--dry-run", "--offline", bundle, "--trust", f"{signer}.pub", "--answers", answers
    )
    assert done.returncode == NOT_BELIEVED
    assert "is signed by sha256:" in done.stderr


def test_a_stick_does_not_vouch_for_itself(bundle: Path, answers: Path) -> None:
    done = provision("--dry-run", "--offline", bundle, "--answers", answers)
    assert done.returncode == NOT_BELIEVED
    assert "give it as --trust" in done.stderr


def test_a_bundle_for_another_machine_is_refused(bundle: Path, signer: Path, answers: Path) -> None:
    text = (bundle / "bundle.txt").read_text()
    (bundle / "bundle.txt").write_text(text.replace("machine=", "machine=riscv64-"))
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "signer.pub"):
        (bundle / name).unlink()
    sign(bundle, signer)
    done = provision(
        "--dry-run", "--offline", bundle, "--trust", f"{signer}.pub", "--answers", answers
    )
    assert done.returncode == 2
    assert "the bundle is for riscv64-" in done.stderr
