"""The part of the AsyncAPI document that is about joining (`sync.contract.joining`). Pure."""

from __future__ import annotations

import json
from typing import Any

from sync.contract.join_samples import join_admission, join_notice, join_request
from sync.contract.joining import Asking

_LABEL = {"description": "A DNS label: [a-z0-9][a-z0-9-]{0,62}"}
_ID = {"description": "The SHA-256 of the request, hex; the client id of who asks."}
_TOPICS = Asking("{site}", "{id}")
_MESSAGES = {
    "join_request": "A new machine asks with a token, bound to it by an HMAC and signed by the key "
    "that it brings. Published again until there is an answer.",
    "join_admission": "Headquarters lets it in and brings its certificate; signed.",
    "join_notice": "There is no admission yet, or never: it waits for an operator, or is refused; "
    "signed.",
}
_EXAMPLES = {
    "join_request": join_request,
    "join_admission": join_admission,
    "join_notice": join_notice,
}
# The address, what the machine does with it, and its messages.
_CHANNELS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "join_request": (_TOPICS.request_topic, "send", ("join_request",)),
    "join_answer": (_TOPICS.answer_topic, "receive", ("join_admission", "join_notice")),
}


def channels() -> dict[str, Any]:
    """Both topics."""
    return {
        name: {
            "address": address,
            "description": " ".join(_MESSAGES[one] for one in messages),
            "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in messages},
            "parameters": {"site": _LABEL, "id": _ID},
        }
        for name, (address, _, messages) in _CHANNELS.items()
    }


def operations() -> dict[str, Any]:
    """What the machine does with them."""
    return {
        f"{action}_{name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {
                "mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}
                if action == "send"
                else {"qos": 1}
            },
            "summary": f"What a machine that joins {action}s; QoS 1, not retained.",
        }
        for name, (_, action, _) in _CHANNELS.items()
    }


def messages() -> dict[str, Any]:
    """The three documents."""
    return {
        name: {
            "name": name,
            "contentType": "application/json",
            "description": description,
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": {"$ref": f"./schemas/{name.replace('_', '/')}.json"},
            },
            "examples": [{"payload": json.loads(_EXAMPLES[name]())}],
        }
        for name, description in _MESSAGES.items()
    }
