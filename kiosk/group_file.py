"""`groups.csv`: which group each person or photo belongs to, for error rates by group.

A first line with the column `person` (a folder's name) or `photo` (its path as the report names
it), then one column an attribute: `person,sex,age`. An empty field is no group. People and photos
that are not in the set are left out; a file that names none of the set's is an error.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from kiosk.errors import PhotoSetError
from kiosk.photo_sets import Photo

_KEYS = ("person", "photo")


def read_groups(file: Path, photos: Sequence[Photo]) -> dict[str, list[str | None]]:
    """Each attribute's group of each photo, None where there is none; raises `PhotoSetError`."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        rows = [
            [field.strip() for field in row]
            for row in csv.reader(lines, skipinitialspace=True, strict=True)
        ]
    except OSError as error:
        raise PhotoSetError(f"{file}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PhotoSetError(f"{file} is no CSV in UTF-8: {error}") from error
    columns = rows[0] if rows else []
    keys = [column for column in columns if column.lower() in _KEYS]
    attributes = [column for column in columns if column.lower() not in _KEYS]
    if len(keys) != 1 or not attributes or len({*columns}) != len(columns) or "" in columns:
        raise PhotoSetError(
            f"{file}: the first line names its columns once each: person or photo, and the "
            "attributes, such as person,sex,age"
        )
    at, by_photo = columns.index(keys[0]), keys[0].lower() == "photo"
    held: dict[str, list[str]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(row):
            continue
        if len(row) != len(columns) or not row[at]:
            raise PhotoSetError(f"{file} row {number}: needs {len(columns)} fields with a name")
        if row[at] in held:
            raise PhotoSetError(f"{file} row {number}: {row[at]} is there twice")
        held[row[at]] = row
    names = [photo.name if by_photo else photo.person for photo in photos]
    if not held.keys() & set(names):
        raise PhotoSetError(f"{file}: names no {keys[0].lower()} of this set, such as {names[0]}")
    return {
        attribute: [held[name][i] or None if name in held else None for name in names]
        for i, attribute in enumerate(columns)
        if i != at
    }
