"""The exported contract: fresh, valid by its own standards, and true of real messages.

`asyncapi-3.0.0.json.gz` is AsyncAPI's published schema, unchanged:
schemas/3.0.0-without-$id.json of
the npm package @asyncapi/specs 6.11.1 (Apache-2.0).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from referencing import Registry, Resource

from kiosk.cli import cli
from kiosk.errors import StaleContractError
from store.records import BODIES
from sync.contract import samples
from sync.contract.commands import COMMANDS
from sync.contract.errors import ContractError
from sync.contract.events import build_batch, parse_batch
from sync.contract.schemas import schemas
from sync.contract.topics import Address
from sync.contract.verify import Head, check_event, place

CONTRACT = Path(__file__).resolve().parents[2] / "docs" / "contract"
VECTORS = json.loads((CONTRACT / "vectors.json").read_bytes())
RESULTS = {
    "MalformedPayloadError": "malformed",
    "ForgedPayloadError": "forged",
    "MisaddressedPayloadError": "misaddressed",
}


def validator(name: str) -> Draft202012Validator:
    """The validator of an exported file, which finds the files that it refers to."""

    def retrieve(uri: str) -> Resource[Any]:
        path = CONTRACT / "schemas" / uri.removeprefix("file:///")
        return Resource.from_contents(json.loads(path.read_bytes()))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return Draft202012Validator({"$ref": f"file:///{name}"}, registry=registry)


def test_the_files_in_the_repository_are_this_programs_contract() -> None:
    done = CliRunner().invoke(cli, ["contract", "check", str(CONTRACT)])
    assert done.exit_code == 0, f"run `kiosk contract export`: {done.exception}"


def test_a_changed_a_missing_and_a_left_over_file_are_stale(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(cli, ["contract", "export", str(tmp_path)]).exit_code == 0
    assert run.invoke(cli, ["contract", "check", str(tmp_path)]).exit_code == 0
    (tmp_path / "README.md").write_text("ours to write")
    schema = tmp_path / "schemas" / "status.json"
    whole = schema.read_bytes()
    left_over = tmp_path / "schemas" / "records" / "gone.json"
    for spoil in (
        lambda: schema.write_bytes(whole + b" "),
        schema.unlink,
        lambda: left_over.write_text("{}"),
    ):
        spoil()
        done = run.invoke(cli, ["contract", "check", str(tmp_path)])
        assert isinstance(done.exception, StaleContractError)
        assert run.invoke(cli, ["contract", "export", str(tmp_path)]).exit_code == 0
    assert not left_over.exists()
    assert (tmp_path / "README.md").read_text() == "ours to write"
    assert schema.read_bytes() == whole


def test_the_asyncapi_document_is_valid_by_asyncapis_own_schema() -> None:
    published = json.loads(
        gzip.decompress((Path(__file__).parent / "asyncapi-3.0.0.json.gz").read_bytes())
    )
    document = yaml.safe_load((CONTRACT / "asyncapi.yaml").read_text(encoding="utf-8"))
    Draft7Validator(published).validate(document)
    spoilt = document | {"channels": {"events": {"address": 7}}}
    assert not Draft7Validator(published).is_valid(spoilt)
    for channel, message in document["components"]["messages"].items():
        for example in message["examples"]:
            validator(f"{channel.replace('_', '/')}.json").validate(example["payload"])


def test_every_schema_is_a_schema() -> None:
    for schema in schemas().values():
        Draft202012Validator.check_schema(schema)


def test_every_kind_of_message_is_valid_by_its_schema() -> None:
    batch = json.loads(build_batch(samples.records())[0])
    assert [event["data"]["kind"] for event in batch] == list(BODIES)
    validator("events.json").validate(batch)
    validator("receipt.json").validate(json.loads(samples.receipt()))
    validator("reply.json").validate(json.loads(samples.reply()))
    validator("status.json").validate(json.loads(samples.status()))
    for name in COMMANDS:
        validator("command.json").validate(json.loads(samples.command(name)))


def test_the_schemas_pass_over_what_they_do_not_know_and_refuse_what_is_wrong() -> None:
    [event] = json.loads(build_batch(samples.records()[:1])[0])
    check = validator("event.json")
    check.validate(event | {"traceparent": "00-abc"})
    later = json.loads(json.dumps(event))
    later["data"] |= {"kind": "handshake", "body": {"v": 9}, "future": [1]}
    check.validate(later)
    second_form = json.loads(json.dumps(event))
    second_form["data"]["body"] = {"v": 2, "who": "4711"}
    check.validate(second_form)
    wrong = json.loads(json.dumps(event))
    wrong["data"]["body"]["method"] = "smile"
    with pytest.raises(ValidationError):
        check.validate(wrong)
    order = json.loads(samples.command("replay"))
    order["body"]["arguments"] = {"from_seq": 0}
    with pytest.raises(ValidationError):
        validator("command.json").validate(order)


# -- the vectors, by a reader that has nothing of ours but the canonical form that jq also gives


def plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key(name: str) -> Ed25519PublicKey:
    public = bytes.fromhex(VECTORS["keys"][name]["public"])
    seed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["keys"][name]["seed"]))
    assert seed.public_key().public_bytes_raw() == public
    return Ed25519PublicKey.from_public_bytes(public)


def test_the_vectors_records_hold_for_an_independent_reader() -> None:
    head = bytes(32)
    for record in VECTORS["records"]:
        payload = record["payload"].encode()
        assert plain(json.loads(payload)) == payload
        assert bytes.fromhex(record["previous"]) == head
        head = hashlib.sha256(head + payload).digest()
        assert head.hex() == record["hash"]
        signature = base64.b64decode(record["signature"])
        key("terminal").verify(signature, b"kiosk-record-v1\0" + head)
        with pytest.raises(InvalidSignature):
            key("stranger").verify(signature, b"kiosk-record-v1\0" + head)


def test_the_vectors_documents_hold_for_an_independent_reader() -> None:
    def result(case: dict[str, str]) -> str:
        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            if len({name for name, _ in pairs}) != len(pairs):
                raise ValueError("twice")
            return dict(pairs)

        try:
            document = json.loads(case["text"], object_pairs_hook=once)
        except ValueError:
            return "malformed"
        if set(document) != {"body", "signature"}:
            return "malformed"
        signed = f"kiosk-{case['purpose']}-v1\0".encode() + plain(document["body"])
        try:
            key(case["key"]).verify(base64.b64decode(document["signature"]), signed)
        except InvalidSignature:
            return "forged"
        return "ok"

    for case in VECTORS["documents"]:
        assert result(case) == case["result"], case["why"]


def test_our_own_reader_finds_what_the_vectors_say() -> None:
    address = Address(**VECTORS["address"])

    def result(event: dict[str, Any]) -> str:
        try:
            check_event(address, key("terminal"), parse_batch(json.dumps([event]).encode())[0])
        except ContractError as error:
            return RESULTS[type(error).__name__]
        return "ok"

    for case in VECTORS["events"]:
        assert result(case["event"]) == case["result"], case["why"]
    for case in VECTORS["places"]:
        [event] = parse_batch(json.dumps([case["event"]]).encode())
        head = Head(case["head"]["seq"], bytes.fromhex(case["head"]["hash"]))
        checked = check_event(address, key("terminal"), event)
        assert place(head, checked).value == case["result"]
