#!/usr/bin/python3 -I
"""Stands where the units' ExecStart= has the daemon, and tries what it is told.

The task is in /var/lib/kiosk/task: `idle`, `memory MB`, `connect ADDRESS…` or `open PATH…`. What
came of it goes to /var/lib/kiosk/told, one `WHAT ANSWER` a line; the unit is ready before, and fed
meanwhile.
Python's own library only: it runs on the machine's Python.
"""

import os
import socket
import time
from pathlib import Path

HERE = Path("/var/lib/kiosk")
PORT = 7000
CHUNK_MB = 16
CONNECT_WITHIN_S = 15.0  # below WatchdogSec=


def notify(word: str) -> None:
    """Tell systemd (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(word.encode(), os.environ["NOTIFY_SOCKET"])


def memory(megabytes: int) -> list[str]:
    """Take so much, each page touched; being there afterwards is the answer."""
    kept = []
    for _ in range(0, megabytes, CHUNK_MB):
        kept.append(b"\1" * (CHUNK_MB << 20))
        notify("WATCHDOG=1")
    return [f"{megabytes} survived"]


def connect(address: str) -> str:
    """What a datagram and a connection to `address` end with: a filter refuses the first at once.

    A connection's first packet is only lost there, which on a slow machine looks like being late.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as by:
            by.sendto(b"?", (address, PORT))
        with socket.create_connection((address, PORT), CONNECT_WITHIN_S):
            return f"{address} connected"
    except OSError as error:
        return f"{address} {type(error).__name__}"


def opened(path: str) -> str:
    """What opening `path` for reading ends with."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        return f"{path} {type(error).__name__}"
    return f"{path} opened"


def main() -> None:
    """One task, then nothing until stopped."""
    kind, *words = (HERE / "task").read_text().split()
    notify("READY=1")
    told = []
    if kind == "memory":
        told = memory(int(words[0]))
    for word in words:
        notify("WATCHDOG=1")
        if kind == "connect":
            told.append(connect(word))
        elif kind == "open":
            told.append(opened(word))
    (HERE / "told.new").write_text("".join(f"{line}\n" for line in told))
    (HERE / "told.new").replace(HERE / "told")
    while True:
        notify("WATCHDOG=1")
        time.sleep(5)


main()
