"""JSON Schema 2020-12 of every payload, generated from the models. Pure.

- A schema says what a reader may rely on: fields that it does not name are allowed everywhere but
  beside a signed document's `body` and `signature`.
- Record kinds come from `store.records.BODIES`, command types from `COMMANDS`: a new one appears by
  itself. A kind, or a version `v` of one, that is not listed is valid: readers pass it over.
- Every file stands alone (`$defs` inside); `record` and `command` point to the files of the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from store.join_notice import JoinNotice
from store.joining import Admission, JoinRequest
from store.records import BODIES, Envelope
from sync.contract.commands import COMMANDS
from sync.contract.documents import Command, Receipt, Reply
from sync.contract.events import Event
from sync.contract.status import Status

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Every schema by its path below `schemas/`."""
    made: dict[str, Schema] = {
        "event.json": _event(),
        "events.json": {
            "$schema": DIALECT,
            "title": "Events",
            "description": "A batch: records whose `sequence` numbers follow each other.",
            "type": "array",
            "items": {"$ref": "event.json"},
        },
        "record.json": _chosen(
            _schema(Envelope), "kind", "body", {kind: f"records/{kind}.json" for kind in BODIES}
        ),
        "receipt.json": _signed(_schema(Receipt)),
        "command.json": _signed(
            _chosen(
                _schema(Command),
                "type",
                "arguments",
                {name: f"commands/{name}.json" for name in COMMANDS},
            )
        ),
        "reply.json": _signed(_schema(Reply)),
        "status.json": _schema(Status),
        "join/request.json": _signed(_schema(JoinRequest), "join"),
        "join/admission.json": _signed(_schema(Admission), "admission"),
        "join/notice.json": _signed(_schema(JoinNotice), "join-notice"),
    }
    made |= {f"records/{kind}.json": _schema(model) for kind, model in BODIES.items()}
    made |= {f"commands/{name}.json": _schema(model) for name, model in COMMANDS.items()}
    return made


def _schema(model: type[BaseModel]) -> Schema:
    return {"$schema": DIALECT, **_tidy(model.model_json_schema())}


def _tidy(schema: Schema, named: bool = True) -> Schema:
    """Without the titles that only repeat a field's name, and with one-line descriptions."""
    tidy: Schema = {}
    for key, value in schema.items():
        if key == "title" and not named:
            continue
        if key == "description":
            tidy[key] = " ".join(str(value).split())
        elif key in ("properties", "$defs"):
            tidy[key] = {name: _tidy(inner, key == "$defs") for name, inner in value.items()}
        elif isinstance(value, dict):
            tidy[key] = _tidy(value, False)
        elif isinstance(value, list):
            tidy[key] = [_tidy(v, False) if isinstance(v, dict) else v for v in value]
        else:
            tidy[key] = value
    return tidy


def _event() -> Schema:
    schema = _schema(Event)
    schema["properties"]["data"] = {"$ref": "record.json"}
    return schema


def _chosen(schema: Schema, by: str, field: str, files: Mapping[str, str]) -> Schema:
    """`field` is as the file of `by` says, where this version of it is known."""
    known: Schema = {"properties": {by: {}}, "required": [by]}
    if by == "kind":  # a later version of a kind may be anything
        known["properties"][field] = {"properties": {"v": {"const": 1}}}
    rules = []
    for name, path in sorted(files.items()):
        condition = {**known, "properties": {**known["properties"], by: {"const": name}}}
        rules.append({"if": condition, "then": {"properties": {field: {"$ref": path}}}})
    return {**schema, "allOf": rules}


def _signed(body: Schema, purpose: str | None = None) -> Schema:
    """A document of exactly a body and a signature; what is new goes into the body."""
    definitions = body.pop("$defs", {})
    title = body["title"]
    signed: Schema = {
        "$schema": body.pop("$schema"),
        "title": f"Signed{title}",
        "description": f"{title}, signed with Ed25519 over kiosk-{purpose or title.lower()}-v1, "
        "one zero byte and the RFC 8785 form of the body.",
        "type": "object",
        "properties": {
            "body": body,
            "signature": {"type": "string", "pattern": "^[A-Za-z0-9+/]{86}==$"},
        },
        "required": ["body", "signature"],
        "additionalProperties": False,
    }
    return {**signed, "$defs": definitions} if definitions else signed
