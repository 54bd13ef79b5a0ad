"""The AsyncAPI 3.0 document of the contract, as a value. Pure."""

from __future__ import annotations

import json
from typing import Any

from sync.contract import join_asyncapi, samples
from sync.contract.commands import COMMANDS
from sync.contract.events import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_READ_RECORDS, build_batch
from sync.contract.topics import ROOT, Channel
from sync.contract.wire import MAX_PAYLOAD_BYTES

# Documented as AsyncAPI asks for: what the terminal does with a channel.
_CHANNELS: dict[Channel, tuple[str, bool, str]] = {
    Channel.EVENTS: (
        "send",
        False,
        "Ledger records, a CloudEvents 1.0 object each, in a JSON array of consecutive records: at "
        f"most {MAX_BATCH_RECORDS} records and {MAX_BATCH_BYTES} bytes unless one record is "
        f"longer; a reader takes {MAX_READ_RECORDS}. Records come again until a receipt covers "
        "them.",
    ),
    Channel.STATUS: (
        "send",
        True,
        "Birth, heartbeat and will. Unsigned: it informs, and nothing is decided by it.",
    ),
    Channel.REPLY: ("send", False, "What became of a command, signed by the terminal."),
    Channel.RECEIPT: (
        "receive",
        True,
        "Headquarters has every record up to `seq` on disk; signed by headquarters.",
    ),
    Channel.COMMAND: (
        "receive",
        False,
        "An order to one terminal, numbered and expiring, signed by headquarters.",
    ),
}


def document() -> dict[str, Any]:
    """The whole document; payload schemas are files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kiosk",
            "version": "1",
            "description": "Signed records of face time clocks to headquarters, receipts and "
            f"commands back. MQTT 5 over TLS 1.2 or newer with client certificates. A payload has "
            f"at most {MAX_PAYLOAD_BYTES} bytes. Within version 1 fields, event types and command "
            "types are only added: a reader keeps what it does not know and passes over it.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {str(channel): _channel(channel) for channel in _CHANNELS}
        | join_asyncapi.channels(),
        "operations": {f"{_CHANNELS[c][0]}_{c}": _operation(c) for c in _CHANNELS}
        | join_asyncapi.operations(),
        "components": {
            "messages": {str(channel): _message(channel) for channel in _CHANNELS}
            | join_asyncapi.messages()
        },
    }


def yaml(value: Any, indent: int = 0) -> str:
    """A JSON value as YAML 1.2 in block style; every string is quoted, so none is misread."""
    pad = " " * indent
    if isinstance(value, dict) and value:
        lines = [f"{pad}{_scalar(key)}:{_nested(item, indent)}" for key, item in value.items()]
    elif isinstance(value, list) and value:
        lines = [f"{pad}-{_nested(item, indent)}" for item in value]
    else:
        return pad + _scalar(value)
    return "\n".join(lines)


def _nested(value: Any, indent: int) -> str:
    if isinstance(value, (dict, list)) and value:
        return "\n" + yaml(value, indent + 2)
    return " " + _scalar(value)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _channel(channel: Channel) -> dict[str, Any]:
    name = {"description": "A DNS label: [a-z0-9][a-z0-9-]{0,62}"}
    return {
        "address": f"{ROOT}/{{site}}/{{terminal}}/{channel}",
        "description": _CHANNELS[channel][2],
        "messages": {str(channel): {"$ref": f"#/components/messages/{channel}"}},
        "parameters": {"site": name, "terminal": name},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    action, retain, _ = _CHANNELS[channel]
    bindings = {"mqtt": {"qos": 1, "retain": retain, "bindingVersion": "0.2.0"}}
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": bindings if action == "send" else {"mqtt": {"qos": 1}},
        "summary": f"What the terminal {action}s; QoS 1, {'' if retain else 'not '}retained.",
    }


def _message(channel: Channel) -> dict[str, Any]:
    examples = [{"payload": json.loads(raw)} for raw in _examples(channel)]
    return {
        "name": str(channel),
        "contentType": "application/json",
        "description": _CHANNELS[channel][2],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schemas/{channel}.json"},
        },
        "examples": examples,
    }


def _examples(channel: Channel) -> list[bytes]:
    match channel:
        case Channel.EVENTS:
            return [build_batch(samples.records()[:2])[0]]
        case Channel.STATUS:
            return [samples.status()]
        case Channel.RECEIPT:
            return [samples.receipt()]
        case Channel.REPLY:
            return [samples.reply()]
        case Channel.COMMAND:
            return [samples.command(name) for name in COMMANDS]
