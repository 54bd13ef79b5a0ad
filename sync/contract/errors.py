"""What can be wrong with a message of the contract."""

from __future__ import annotations


class ContractError(Exception):
    """Base of every error of the contract."""


class MalformedPayloadError(ContractError, ValueError):
    """The bytes are not what the contract describes for this topic."""


class MisaddressedPayloadError(ContractError, ValueError):
    """The message is well-formed but speaks of another terminal than its topic or reader."""


class ForgedPayloadError(ContractError, ValueError):
    """A hash or a signature does not hold."""
