"""Serial badge readers (RS-232, TTL, USB serial): 8 data bits, no parity, lines of ASCII.

pyserial is touched here only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import serial


def open_serial(path: Path, baud: int) -> SerialWire:
    """Open a port for ourselves alone; raises OSError (`serial.SerialException` is one)."""
    return SerialWire(serial.Serial(str(path), baud, timeout=None, exclusive=True))


class SerialWire:
    """An opened port."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def characters(self) -> Iterator[str]:
        """Each character until `cancel`; raises OSError when the port is gone.

        A byte that is no ASCII comes as U+FFFD, so that a code with noise in it is nobody's.
        """
        while data := self._port.read(1):
            data += self._port.read(self._port.in_waiting)
            yield from data.decode("ascii", "replace")

    def cancel(self) -> None:
        """Let `characters` end, from any thread."""
        self._port.cancel_read()

    def close(self) -> None:
        """Give the port back."""
        self._port.close()
