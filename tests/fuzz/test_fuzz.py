"""A short run of `./scripts/fuzz`, and what its long runs have found, each kept here."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from fuzzing.__main__ import all_parsers
from fuzzing.course import Parser, Tally, run, try_case
from fuzzing.files import VERIFIER, load_verifier
from fuzzing.mangling import TEXTS, twisted, written
from fuzzing.messages import RECORDS
from kiosk.overrides import Overrides
from kiosk.settings import load
from store.canonical import canonical
from store.chain import record_hash, sign_record
from store.errors import SettingsError
from store.export import export_line
from store.records import Record
from sync.contract import samples
from tests.kiosk.ordered import ordered_terminal

_CASES = 60
_DIGITS = "9" * 5000  # more than Python reads as a number
_DEEP = "[" * 5000 + "]" * 5000


@pytest.fixture(scope="module")
def parsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Parser]]:
    logging.disable(logging.WARNING)  # every refusal is logged
    yield all_parsers(tmp_path_factory.mktemp("fuzz"))
    logging.disable(logging.NOTSET)


def test_no_parser_gives_anything_but_a_value_or_its_own_errors(
    parsers: Mapping[str, Parser],
) -> None:
    for parser in parsers.values():
        tally = Tally()
        run(parser, "1", tally, lambda tally: tally.cases >= _CASES)
        assert not tally.findings, "\n".join(map(str, tally.findings.values()))
        assert tally.accepted, f"{parser.name} read nothing at all"


def test_an_untyped_error_is_a_finding_that_can_be_repeated() -> None:
    def read(raw: bytes) -> int:
        return int(raw)  # ValueError is expected, what it says of a letter is

    parser = Parser("broken", lambda _: b"x", read, (KeyError,))
    finding = try_case(parser, b"x", Tally(cases=8), "7")
    assert finding is not None
    assert (finding.what, finding.seed, finding.number) == ("ValueError", "7", 7)
    assert "eA==" in str(finding)


def test_the_same_seed_makes_the_same_cases(parsers: Mapping[str, Parser]) -> None:
    for name in ("events", "command", "receiver", "settings", "archive", "export"):
        make = parsers[name].make
        assert make(Random("1/7")) == make(Random("1/7"))


@pytest.mark.parametrize("text", TEXTS)
def test_every_odd_text_can_be_put_into_a_message(text: str) -> None:
    random = Random(text.encode("utf-8", "surrogatepass"))
    for _ in range(20):
        assert isinstance(written(random, twisted(random, {"a": [text], text: {}})), bytes)


# -- found ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [_DIGITS, _DEEP, f"[{_DIGITS}]"])
def test_settings_that_toml_itself_stumbles_over_are_a_mistake_in_them(
    tmp_path: Path, value: str
) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(f"[terminal]\nsite = {value}\n")
    with pytest.raises(SettingsError, match="not TOML"):
        load(path)


@pytest.mark.parametrize("value", [_DIGITS, _DEEP])
def test_headquarters_settings_that_toml_itself_stumbles_over_are_refused(
    tmp_path: Path, value: str
) -> None:
    """Raised further, the command would have stayed in the inbox and come again for ever."""
    overrides = Overrides(ordered_terminal(tmp_path))
    with pytest.raises(SettingsError, match="not TOML"):
        overrides.merged(f"[decision]\nmargin = {value}\n")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("resumption", {"held_seq": "1"}),
        ("resumption", {"after_hash": None}),
        ("checkpoint", {"seq": "1"}),
        ("checkpoint", {"hash": 5}),
        ("checkpoint", None),
    ],
)
def test_a_record_that_was_signed_but_says_nonsense_is_named_by_the_verifier(
    kind: str, changes: dict[str, object] | None
) -> None:
    verifier = load_verifier(VERIFIER)
    record = next(record for record in RECORDS if record.kind == kind)
    content = json.loads(record.payload)
    content["body"] = None if changes is None else {**content["body"], **changes}
    payload = canonical(content)
    hash_ = record_hash(record.previous, payload)
    signature = sign_record(samples.TERMINAL_KEY, hash_)
    line = export_line(
        Record(record.seq, record.id, kind, payload, record.previous, hash_, signature)
    )
    with pytest.raises(verifier.Broken):
        verifier.verify(io.BytesIO(line), samples.TERMINAL_KEY.public_key(), None)
