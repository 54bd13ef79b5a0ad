"""What of a log record reaches the journal, and what goes to stderr instead."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from store.logs import JournalHandler, JsonLines, entry, handler, message_id, turn_detail

ROOT = Path(__file__).resolve().parents[2]


class Journal:
    """journald's end of its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(5)

    def next(self) -> bytes:
        return self.socket.recv(1 << 16)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "socket")
    yield journal
    journal.socket.close()


@pytest.fixture
def rest() -> StringIO:
    return StringIO()


@pytest.fixture
def logger(journal: Journal, rest: StringIO) -> Iterator[logging.Logger]:
    lines = logging.StreamHandler(rest)
    lines.setFormatter(JsonLines())
    sending = JournalHandler(lines, journal.path)
    logger = logging.getLogger("kiosk.testing_of_logs")
    logger.propagate = False
    logger.addHandler(sending)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(sending)
    sending.close()


def test_an_event_is_an_entry_with_its_fields_and_its_id(
    logger: logging.Logger, journal: Journal
) -> None:
    logger.error("punched", extra={"fields": {"seq": 12, "fixed": True, "hint": None}})
    assert journal.next().decode().splitlines() == [
        "MESSAGE=punched seq=12 fixed=true",
        f"MESSAGE_ID={message_id('kiosk', 'punched')}",
        "PRIORITY=3",
        "KIOSK_EVENT=punched",
        "KIOSK_SEQ=12",
        "KIOSK_FIXED=true",
    ]


def test_ids_do_not_change_between_releases() -> None:
    """A site's alarms name them: docs/messages.md, made anew by scripts/message-ids."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "message-ids"],
        capture_output=True,
        text=True,
        check=True,
    )
    page = (ROOT / "docs" / "messages.md").read_text()
    assert done.stdout.count("\n") > 60
    assert page.endswith(done.stdout), "run scripts/message-ids and put its table into the page"


def test_a_text_of_several_lines_invents_no_field(logger: logging.Logger, journal: Journal) -> None:
    logger.info("note", extra={"fields": {"text": "one\nPRIORITY=0"}})
    fields = parsed(journal.next())
    assert fields["KIOSK_TEXT"] == [b"one\nPRIORITY=0"]
    assert fields["PRIORITY"] == [b"6"]


def parsed(message: bytes) -> dict[str, list[bytes]]:
    """The fields as journald reads them: NAME=value, or NAME, a length and that many bytes."""
    fields: dict[str, list[bytes]] = {}
    while message:
        line, _, message = message.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(message[:8], "little")
            value, message = message[8 : 8 + length], message[9 + length :]
        fields.setdefault(name.decode(), []).append(value)
    return fields


def test_of_an_exception_only_its_type_is_told(logger: logging.Logger, journal: Journal) -> None:
    try:
        raise ValueError("Erika Mustermann")
    except ValueError:
        logger.exception("internal_error")
    sent = journal.next()
    assert b"KIOSK_ERROR=ValueError\n" in sent
    assert b"Erika" not in sent


def test_without_a_journal_behind_the_socket_the_line_goes_to_stderr(
    logger: logging.Logger, journal: Journal, rest: StringIO
) -> None:
    journal.socket.close()
    logger.info("ready")
    assert json.loads(rest.getvalue())["event"] == "ready"


def test_a_message_too_long_for_a_datagram_goes_to_stderr(
    logger: logging.Logger, rest: StringIO
) -> None:
    logger.info("note", extra={"fields": {"text": "x" * 10_000_000}})
    assert len(json.loads(rest.getvalue())["text"]) == 10_000_000


def test_the_journal_is_written_only_where_stderr_is_its_own() -> None:
    there = os.fstat(2)
    sending = handler(None, {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"})
    assert isinstance(sending, JournalHandler)
    sending.close()
    for stream in ("", "1:1", f"{there.st_dev}:{there.st_ino + 1}"):
        assert not isinstance(handler(None, {"JOURNAL_STREAM": stream}), JournalHandler)
    assert not isinstance(handler(StringIO(), dict(os.environ)), JournalHandler)


def test_detail_is_turned_on_and_off(logger: logging.Logger, journal: Journal) -> None:
    logger.debug("phase")
    turn_detail(logger)
    assert b"KIOSK_LEVEL_IS=debug\n" in journal.next()
    logger.debug("phase")
    assert b"PRIORITY=7\n" in journal.next()
    turn_detail(logger)
    assert b"KIOSK_LEVEL_IS=info\n" in journal.next()
    assert not logger.isEnabledFor(logging.DEBUG)


def test_an_unknown_level_is_information() -> None:
    record = logging.LogRecord("sync.x", 17, "", 0, "odd", None, None)
    assert b"PRIORITY=6\n" in entry(record)
