"""`kiosk contract`: the MQTT contract as files that other systems are built from."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.errors import StaleContractError
from sync.contract.export import GENERATED, export

_DIRECTORY = click.argument(
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("docs/contract"),
)


@click.group()
def contract() -> None:
    """The MQTT contract: AsyncAPI, JSON Schema, test vectors."""


@contract.command("export")
@_DIRECTORY
def export_command(directory: Path) -> None:
    """Write the generated files into DIRECTORY (default docs/contract); others are left alone."""
    files = export()
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in _left_over(directory, files):
        (directory / name).unlink()
    click.echo(f"{len(files)} files in {directory}")


@contract.command("check")
@_DIRECTORY
def check(directory: Path) -> None:
    """Fail when the files in DIRECTORY are not the contract of this program."""
    files = export()
    stale = [name for name, content in files.items() if _read(directory / name) != content]
    stale += _left_over(directory, files)
    if stale:
        raise StaleContractError(
            f"{directory}: {len(stale)} files are stale, {stale[0]} first; "
            "nothing was changed; run `kiosk contract export`"
        )
    click.echo(f"{len(files)} files in {directory} are this program's contract")


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _left_over(directory: Path, files: dict[str, bytes]) -> list[str]:
    """Files that an earlier version generated, below `directory`."""
    found = (path for folder in GENERATED for path in (directory / folder).rglob("*.json"))
    names = (path.relative_to(directory).as_posix() for path in found)
    return sorted(name for name in names if name not in files)
