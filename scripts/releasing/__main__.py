"""`./scripts/make-release`: wheels in, one signed file out."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
from minisign import Error, KeyPair, SecretKey

from kiosk.update.manifest import Manifest
from releasing.bundling import describe, write
from releasing.wheels import own_wheel, pinned_wheels
from store.files import place, unoccupied


@click.group()
def cli() -> None:
    """Make releases for kiosk-update."""


@cli.command("key")
@click.argument("secret", type=click.Path(path_type=Path))
@click.password_option(help="Asked for without it.")
def make_key(secret: Path, password: str) -> None:
    """Make the publisher's key: SECRET under a password, SECRET.pub for /etc/kiosk/release.pub.

    `minisign -G` makes the same.
    """
    public = secret.with_name(f"{secret.name}.pub")
    unoccupied(secret)
    unoccupied(public)
    pair = KeyPair.generate()
    pair.secret_key.encrypt(password)
    place(secret, bytes(pair.secret_key) + b"\n", mode=0o600)
    place(public, bytes(pair.public_key) + b"\n", mode=0o644)
    click.echo(f"{secret} stays with the publisher; {public} goes to every terminal")


@cli.command("build")
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"))
@click.option("--extras", default="screen", show_default=True, help="Comma-separated.")
@click.option("--python", default="3.11", show_default=True, help="The terminals'.")
@click.option("--machine", default="aarch64", show_default=True, help="The terminals'.")
@click.option("--no-deps", is_flag=True, help="The project's wheel alone, for this machine.")
def build(key: Path, to: Path, extras: str, python: str, machine: str, no_deps: bool) -> None:
    """Build and sign a release of this checkout; the key's password is asked for."""
    secret = _opened(key)
    to.mkdir(parents=True, exist_ok=True)
    if no_deps:
        python, machine = f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine()
    with tempfile.TemporaryDirectory() as folder:
        own = own_wheel(Path(folder))
        if not no_deps:
            wanted = [extra for extra in extras.split(",") if extra]
            pinned_wheels(Path(folder), own, wanted, python, machine)
        wheels = sorted(Path(folder).glob("*.whl"))
        version = own.name.split("-")[1]
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = describe(version, made, python, machine, wheels)
        target = to / f"kiosk-{version}-{machine}-cp{python.replace('.', '')}.tar"
        write(target, manifest, wheels, secret)
    click.echo(f"{target}: {_said(manifest, target)}; its signature is beside it")


def _opened(file: Path) -> SecretKey:
    try:
        secret = SecretKey.from_file(file)
        if secret.is_encrypted():
            secret.decrypt(click.prompt(f"Password of {file}", hide_input=True))
    except (Error, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    return secret


def _said(manifest: Manifest, target: Path) -> str:
    return (
        f"release {manifest.version}, {len(manifest.wheels)} wheels, {target.stat().st_size} bytes"
    )


if __name__ == "__main__":
    try:
        cli.main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"make-release: {' '.join(failure.cmd[3:6])} … failed; nothing was signed")
