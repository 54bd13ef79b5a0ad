"""`./scripts/vm-test`: an emulated arm64 machine with a kernel of its own tries the units' limits.

The image is Debian with the repository's units, `probe.py` where their programs are and `inside.py`
as what is done at the start; what that says on the serial console is printed. The machine has no
network.
Exit code 0 only when it said `passed`: a machine that does not come so far has shown nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
MARK = "KIOSK-VM "
IMAGE = "3G"  # sparse; a Debian with a kernel takes a quarter of it
# Bound, not measurement: it ends a machine that hangs.
WITHIN_S = 3000
_COURSE = """\
[Unit]
Description=the units' limits, tried
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I /root/inside.py
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyAMA0
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=default.target
"""


@click.command()
@click.argument("base", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("ramdisk", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def main(base: Path, ramdisk: Path) -> None:
    """Make an image of the root BASE, start it with RAMDISK, and print what it says."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kiosk-vm-") as folder:
        root, disk = Path(folder) / "root", Path(folder) / "disk"
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        install(root)
        words = ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk), IMAGE]
        subprocess.run(words, check=True)
        (kernel,) = (root / "boot").glob("vmlinuz-*")
        console = ROOT / ".cache" / "vm" / "console.log"
        last = ""
        for last in said(kernel, ramdisk, disk, console):
            click.echo(last)
    click.echo(f"{time.monotonic() - began:.0f} s")
    if last != "passed":
        click.echo(f"vm-test: not passed; {console.relative_to(ROOT)} has all of it", err=True)
        sys.exit(1)


def install(root: Path) -> None:
    """The units as they are, users, the probe as both programs, and the course at the start."""
    system = root / "etc/systemd/system"
    for kind in ("service", "timer", "socket"):
        for unit in (ROOT / "systemd").glob(f"*.{kind}"):
            shutil.copy(unit, system)
    for users in (ROOT / "systemd").glob("*.sysusers"):
        shutil.copy(users, root / "usr/lib/sysusers.d" / f"{users.stem}.conf")
    programs = root / "opt/kiosk/bin"
    programs.mkdir(parents=True)
    for name in ("kiosk", "kiosk-sync"):
        shutil.copy(HERE / "probe.py", programs / name)
        (programs / name).chmod(0o755)
    shutil.copy(HERE / "inside.py", root / "root/inside.py")
    (system / "vm-course.service").write_text(_COURSE)
    wanted = system / "default.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "vm-course.service").symlink_to("/etc/systemd/system/vm-course.service")
    (system / "serial-getty@.service").symlink_to("/dev/null")  # the console is the course's


def said(kernel: Path, ramdisk: Path, disk: Path, console: Path) -> Iterator[str]:
    """Start the machine and give its marked lines, until it powers off."""
    words = ["timeout", str(WITHIN_S), "qemu-system-aarch64"]
    words += ["-machine", "virt", "-cpu", "cortex-a72"]
    words += ["-accel", "tcg,thread=multi", "-smp", "2", "-m", "3072", "-nic", "none", "-no-reboot"]
    words += ["-display", "none", "-serial", "stdio", "-monitor", "none"]
    words += ["-kernel", str(kernel), "-initrd", str(ramdisk)]
    words += ["-append", "root=/dev/vda rw console=ttyAMA0 panic=-1 systemd.show_status=no quiet"]
    words += ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
    machine = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        with console.open("wb") as log:
            for line in machine.stdout or ():
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rstrip()
                if MARK in text:
                    yield text.partition(MARK)[2]
        machine.wait()
    finally:
        if machine.poll() is None:
            machine.terminate()
            machine.wait()


if __name__ == "__main__":
    main()
