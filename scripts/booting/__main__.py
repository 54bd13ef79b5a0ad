"""`./scripts/boot-test`: boots, plays the course, powers off; exit code 1 when anything failed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from booting.course import Course
from booting.install import ROOT, SHOWN, install, versions
from booting.machine import Machine, MachineError
from morning.cast import Person, packaged_people
from morning.photos import fetch_photos

UNTESTED = (
    "MemoryMax= (this container has no memory controller; scripts/vm-test has)",
    "IPAddressDeny=, IPAddressAllow= (not enforced in this container; in scripts/vm-test they are)",
    "DeviceAllow= (there is no camera, pin or reader here; scripts/vm-test has a pin)",
    "CPUWeight=, OOMScoreAdjust= (set, their effect is not measured)",
)


@click.command()
@click.argument("base", type=click.Path(path_type=Path, file_okay=False, exists=True))
def main(base: Path) -> None:
    """Copy the root BASE, install the project into it, boot it and play the course."""
    began = time.monotonic()
    people = _people()
    with tempfile.TemporaryDirectory(prefix="kiosk-boot-") as folder:
        root = Path(folder) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        install(root, people)
        click.echo(f"systemd {versions(root)}, installed in {time.monotonic() - began:.0f} s")
        machine = Machine(root, SHOWN)
        try:
            machine.start()
            failed = _play(machine, people)
        finally:
            ended = machine.stop()
        click.echo(f"{'ok    ' if ended else 'FAILED'} powers off")
    for what in UNTESTED:
        click.echo(f"UNTESTED  {what}")
    click.echo(f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if failed or not ended else 0)


def _play(machine: Machine, people: list[Person]) -> bool:
    """True when a step failed: those that follow stand on it and are not played."""
    for name, step in Course(machine, people).steps():
        began = time.monotonic()
        try:
            told = step()
        except (MachineError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            click.echo(f"FAILED {name}: {error}")
            click.echo(machine.run("journalctl", "-q", "--no-pager", "-n", "25", check=False))
            return True
        click.echo(f"ok     {name} ({time.monotonic() - began:.0f} s){told and ': '}{told}")
    return False


def _people() -> list[Person]:
    cast = packaged_people(ROOT / ".cache" / "models", fetch_photos(ROOT / ".cache" / "photos"))
    return [person for person in cast if person.number][:2]


if __name__ == "__main__":
    main()
