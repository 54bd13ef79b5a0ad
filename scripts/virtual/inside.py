#!/usr/bin/python3
"""Inside the machine: each limit of the units tried, and tried again without the limit.

- The units are the repository's files, unchanged; only the programs are `probe.py`. What is taken
  out for a control is one drop-in, which lies in /run and is removed after.
- A limit counts as enforced when the probe was stopped with it AND went through without it: what
  passes because nothing enforces it is a failure here.
- One line for each on the console, after MARK; the last one is `passed` or `failed`.
Python's own library only: it runs on the machine's Python.
"""

import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "KIOSK-VM "
KIOSK, SYNC = "kiosk.service", "kiosk-sync.service"
HERE = Path("/var/lib/kiosk")
PORT = 7000
BROKER, STRANGER, LOCAL = "192.0.2.1", "192.0.2.2", "127.0.0.1"
# As docs/systemd.md tells the technician to narrow kiosk-sync.
NARROWED = f"IPAddressDeny=any\nIPAddressAllow={BROKER}"
# kiosk has two more walls before its addresses are looked at; they come down to see the third.
NO_OTHER_WALL = "PrivateNetwork=no\nRestrictAddressFamilies="
NO_ADDRESSES = "IPAddressDeny=\nIPAddressAllow="
NO_DEVICES = "DevicePolicy=auto\nDeviceAllow=\nPrivateDevices=no"
GPIO, DISK, CLOCK = "/dev/gpiochip0", "/dev/vda", "/dev/rtc0"


class NotEnforcedError(Exception):
    """A limit that does not hold, or a control that does not go through."""


def say(text: str) -> None:
    """One line on the console."""
    print(MARK + text, flush=True)


def run(*words: str, check: bool = True) -> str:
    """Run a command and give its stdout."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise NotEnforcedError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def show(unit: str, name: str) -> str:
    """A property of a unit."""
    return run("systemctl", "show", unit, f"--property={name}", "--value")


def require(holds: bool, message: str) -> None:
    """Raise what does not hold."""
    if not holds:
        raise NotEnforcedError(message)


@contextmanager
def drop_in(unit: str, text: str) -> Iterator[None]:
    """`unit` with `text` in its [Service]; as in the repository where `text` is empty."""
    folder = Path(f"/run/systemd/system/{unit}.d")
    if text:
        folder.mkdir(parents=True)
        (folder / "control.conf").write_text(f"[Service]\n{text}\n")
    run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        run("systemctl", "stop", unit)
        run("systemctl", "reset-failed", unit, check=False)
        if text:
            (folder / "control.conf").unlink()
            folder.rmdir()


def give(task: str) -> None:
    """The next start's task; what the last one told is gone."""
    (HERE / "told").unlink(missing_ok=True)
    (HERE / "task").write_text(task + "\n")


def answers(unit: str, task: str, text: str = "") -> dict[str, str]:
    """What the probe tells in `unit`, as {what: answer}."""
    with drop_in(unit, text):
        give(task)
        run("systemctl", "start", unit)
        while not (HERE / "told").exists():
            require(show(unit, "ActiveState") == "active", f"{unit} ended while it tried {task}")
            time.sleep(0.5)
        return dict(line.split() for line in (HERE / "told").read_text().splitlines())


def killed_for_memory(unit: str, megabytes: int) -> None:
    """Beyond MemoryMax= the kernel ends it, and systemd starts it again."""
    since = run("journalctl", "-q", "-n", "0", "--show-cursor").removeprefix("-- cursor: ")
    with drop_in(unit, ""):
        give(f"memory {megabytes}")
        run("systemctl", "start", unit, check=False)
        while (result := show(unit, "Result")) == "success":
            require(not (HERE / "told").exists(), f"{unit} took {megabytes} MB and lives")
            time.sleep(0.2)
        give("idle")
        require(result == "oom-kill", f"{unit} ended with {result}")
        while not ((HERE / "told").exists() and show(unit, "ActiveState") == "active"):
            require(show(unit, "ActiveState") != "failed", f"{unit} was not started again")
            time.sleep(0.5)
        restarts = show(unit, "NRestarts")
        require(int(restarts) >= 1, f"{unit} was not started again by systemd")
    said = run("journalctl", "-q", "-k", "-o", "cat", f"--after-cursor={since}")
    require("Memory cgroup out of memory" in said, "the kernel tells of no limit that was met")
    limit = int(show(unit, "MemoryMax")) >> 20
    free = answers(unit, f"memory {megabytes}", "MemoryMax=infinity")
    require(free == {str(megabytes): "survived"}, f"without the limit: {free}")
    say(f"ok     {unit}: {megabytes} MB with MemoryMax={limit}M: oom-kill, started again")
    say(f"ok     {unit}: {megabytes} MB without it: lives")


def told_of(unit: str, task: str, text: str, wanted: dict[str, str]) -> None:
    """Require the answers."""
    found = answers(unit, task, text)
    require(found == wanted, f"{unit} with {text!r}: {task}: {found}, not {wanted}")


def addresses() -> None:
    """The firewall of the unit's own cgroup."""
    run("ip", "link", "set", "lo", "up")
    for address in (BROKER, STRANGER):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    listeners = [socket.create_server((a, PORT)) for a in (LOCAL, BROKER, STRANGER)]
    task = f"connect {BROKER} {STRANGER}"
    told_of(SYNC, task, "", {BROKER: "connected", STRANGER: "connected"})
    told_of(SYNC, task, NARROWED, {BROKER: "connected", STRANGER: "PermissionError"})
    say(f"ok     {SYNC} as it is: any address is reached")
    say(f"ok     {SYNC} narrowed to the broker: it is reached, another is refused")
    task = f"connect {LOCAL} {BROKER}"
    found = answers(KIOSK, task)
    require("connected" not in found.values(), f"{KIOSK}: {found}")
    say(f"ok     {KIOSK} as it is: nothing is reached ({found[LOCAL]})")
    told_of(KIOSK, task, NO_OTHER_WALL, {LOCAL: "connected", BROKER: "PermissionError"})
    free = f"{NO_OTHER_WALL}\n{NO_ADDRESSES}"
    told_of(KIOSK, task, free, {LOCAL: "connected", BROKER: "connected"})
    say(f"ok     {KIOSK}, its other walls down: IPAddressDeny= alone refuses all but localhost")
    say(f"ok     {KIOSK}, that one down too: any address is reached")
    for listener in listeners:
        listener.close()


def devices() -> None:
    """Nodes that any user may open: what refuses is the device's filter, not the file's mode."""
    for path in (GPIO, DISK, CLOCK):
        Path(path).chmod(0o666)
    task = f"open {GPIO} {DISK} {CLOCK}"
    every = dict.fromkeys((GPIO, DISK, CLOCK), "opened")
    refused = dict.fromkeys((DISK, CLOCK), "PermissionError")
    told_of(KIOSK, task, "", {GPIO: "opened", **refused})
    told_of(KIOSK, task, NO_DEVICES, every)
    say(f"ok     {KIOSK}: {GPIO} opens, {DISK} and {CLOCK} do not; without DeviceAllow=: all")
    told_of(SYNC, task, "", dict.fromkeys(every, "FileNotFoundError"))
    told_of(SYNC, task, "PrivateDevices=no", dict.fromkeys(every, "PermissionError"))
    told_of(SYNC, task, NO_DEVICES, every)
    say(f"ok     {SYNC}: none is there; DevicePolicy= alone refuses each; without it: all")


def prepare() -> None:
    """As a technician does, without the program."""
    run("systemd-sysusers")
    HERE.mkdir(parents=True, exist_ok=True)
    run("chown", "kiosk:kiosk", str(HERE))
    HERE.chmod(0o770)
    version = run("systemctl", "--version").splitlines()[0]
    kernel, machine = run("uname", "-r"), run("uname", "-m")
    say(f"{machine}, Linux {kernel}, {version}")


def main() -> None:
    """Every limit; the first that does not hold ends it."""
    try:
        prepare()
        addresses()
        devices()
        killed_for_memory(SYNC, 512)
        killed_for_memory(KIOSK, 1280)
    except Exception:  # noqa: BLE001 - said on the console, and the machine ends as failed
        for line in traceback.format_exc().splitlines():
            say(f"       {line}")
        for line in run("journalctl", "-q", "-n", "20", "--no-pager", check=False).splitlines():
            say(f"       {line}")
        say("failed")
        sys.exit(1)
    say("passed")


main()
