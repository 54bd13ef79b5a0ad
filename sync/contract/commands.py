"""The commands of the contract: every type with the model of its arguments.

`COMMANDS` is the one list of types, `checked_arguments` what headquarters
runs over a command before it signs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.orders import ORDERS, Arguments
from sync.contract.errors import MalformedPayloadError
from sync.contract.wire import validate

COMMANDS: Mapping[str, type[Arguments]] = ORDERS


def checked_arguments(type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in their JSON form, defaults filled in; raises MalformedPayloadError.

    An argument that the type does not have is an error here: headquarters meant something by it.
    """
    model = COMMANDS.get(type)
    if model is None:
        raise MalformedPayloadError(f"no command has this type; there are {', '.join(COMMANDS)}")
    unknown = sorted(arguments.keys() - model.model_fields.keys())
    if unknown:
        raise MalformedPayloadError(f"a {type} has no {', '.join(unknown)}")
    return validate(model, dict(arguments)).model_dump(mode="json")
