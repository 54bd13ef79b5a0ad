"""The contract as files: AsyncAPI 3.0, JSON Schema 2020-12 and test vectors. Pure: bytes, no disk.

The same program makes the same bytes everywhere, so that a copy can be compared.
"""

from __future__ import annotations

import json

from sync.contract.asyncapi import document, yaml
from sync.contract.schemas import schemas
from sync.contract.vectors import vectors

# Folders that hold nothing but what is generated.
GENERATED = ("schemas",)


def export() -> dict[str, bytes]:
    """Every generated file: its path, with `/`, and its content."""
    note = "# Written by `kiosk contract export`; do not edit.\n"
    files = {"asyncapi.yaml": (note + yaml(document()) + "\n").encode("utf-8")}
    files["vectors.json"] = _json(vectors())
    files |= {f"schemas/{path}": _json(schema) for path, schema in schemas().items()}
    return dict(sorted(files.items()))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
