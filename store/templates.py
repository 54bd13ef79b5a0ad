"""The gallery's templates as one body: what changed, what each is, and the transform over all.

- All vectors of a gallery went through one and the same transform, named by the id in the table
  `protection`, or through none. `convert` takes all of them to another in one transaction, so a
  crash leaves all old or all new; adding under another id is refused.
- A reader that keeps vectors in memory asks for those who changed since the position that it has
  seen. Who is removed leaves no trace here: only that somebody was removed is known.
- What is deleted or replaced is overwritten and cut out of the log (`store.erasure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from store.database import Database
from store.erasure import Erasure
from store.errors import OtherProtectionError
from store.people import Changes, TemplateEntry, Vector, number_to_find, template_bytes

_AT_ONCE = 500  # names in one query; SQLite takes 32766 parameters
_CONVERTED_AT_ONCE = 5000  # vectors in memory: 4 MB of 192 numbers


class Templates:
    """The templates in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._erasure = Erasure(database)

    def position(self) -> int:
        """The position of the newest change, for `changed_since`."""
        return self._database.one("SELECT position FROM gallery_clock", (), int) or 0

    def changed_since(self, position: int) -> Changes:
        """Whose templates or status changed after that position."""
        now, removed = self._database.one(
            "SELECT position, removed FROM gallery_clock", (), _pair
        ) or (0, 0)
        people = []
        if now != position:
            query = "SELECT number FROM people WHERE changed > ? ORDER BY number"
            people = self._database.rows(query, (position,), str)
        return Changes(now, people, removed > position)

    def numbers(self) -> set[str]:
        """Everybody's number."""
        return set(self._database.rows("SELECT number FROM people", (), str))

    def active(
        self, model_digest: str, people: Sequence[str] | None = None, *, blocked: bool = False
    ) -> tuple[list[str], Vector]:
        """The active people's templates of a model: their numbers (n) and vectors (n, d) float32.

        Of everybody, or of the named ones; with `blocked` those who are blocked too. A person has
        as many rows as templates. Without any, d is 0.
        """
        query = "SELECT person, vector FROM templates JOIN people ON number = person "
        query += "WHERE model = ?" if blocked else "WHERE model = ? AND status = 'active'"
        rows: list[tuple[str, bytes]] = []
        if people is None:
            rows = self._database.rows(f"{query} ORDER BY person, id", (model_digest,), _row)
        for first in range(0, len(people or ()), _AT_ONCE):
            part = (people or ())[first : first + _AT_ONCE]
            among = f"{query} AND person IN ({', '.join('?' * len(part))}) ORDER BY person, id"
            rows += self._database.rows(among, (model_digest, *part), _row)
        numbers, shaped = [], np.empty((len(rows), len(rows[0][1]) // 4 if rows else 0), np.float32)
        for i, (number, vector) in enumerate(rows):  # no second copy of them all
            numbers.append(number)
            shaped[i] = np.frombuffer(vector, dtype="<f4")
        if people is None:
            self._database.forget_pages()
        return numbers, shaped

    def count(self, model_digest: str) -> int:
        """How many templates of a model active people have."""
        query = (
            "SELECT count(*) FROM templates JOIN people ON number = person "
            "WHERE model = ? AND status = 'active'"
        )
        return self._database.one(query, (model_digest,), int) or 0

    def entries(self, number: str) -> list[TemplateEntry]:
        """What a person's templates are, oldest first; never the vectors."""
        return self._database.rows(
            "SELECT id, model, quality_millionths, made_utc, origin FROM templates "
            "WHERE person = ? ORDER BY id",
            (number_to_find(number),),
            TemplateEntry,
        )

    def vectors(self, ids: Sequence[int]) -> Vector:
        """The (n, d) float32 vectors of templates of one model, in the order of `ids`."""
        found = [
            self._database.one("SELECT vector FROM templates WHERE id = ?", (i,), bytes) or b""
            for i in ids
        ]
        flat = np.frombuffer(b"".join(found), dtype="<f4").astype(np.float32)
        return flat.reshape(len(ids), -1 if len(ids) else 0)

    def delete(self, ids: Iterable[int]) -> int:
        """Delete single templates; returns how many there were. Call `finish_erasure` after it."""
        with self._database.transaction():
            deleted = sum(
                self._database.execute("DELETE FROM templates WHERE id = ?", (i,)) for i in ids
            )
            if deleted:
                self._erasure.mark()
        return deleted

    def protection(self) -> str | None:
        """The id of the transform that all vectors went through; None for none."""
        return self._database.one("SELECT id FROM protection", (), str)

    def require(self, protection: str | None) -> None:
        """Raise `OtherProtectionError` unless all vectors went through this transform."""
        if self.protection() != protection:
            raise OtherProtectionError(
                "the templates were re-issued with another key meanwhile; do it again"
            )

    def convert(self, old: str | None, new: str, change: Callable[[Vector], Vector]) -> int:
        """Take every vector from transform `old` to `new`, all or none; returns how many.

        `change` takes (n, d) float32 and gives the same shape; d differs between models. Of old
        vectors nothing stays in the file. Raises `OtherProtectionError` when they are not under
        `old`: somebody else was faster.
        """
        converted = 0
        with self._database.transaction():
            self.require(old)
            last = 0
            while rows := self._database.rows(
                "SELECT id, vector FROM templates WHERE id > ? ORDER BY id LIMIT ?",
                (last, _CONVERTED_AT_ONCE),
                _stored,
            ):
                for size in {len(vector) for _, vector in rows}:
                    self._replace([row for row in rows if len(row[1]) == size], change)
                converted += len(rows)
                last = rows[-1][0]
            self._database.execute(
                "INSERT INTO protection VALUES (1, ?) ON CONFLICT DO UPDATE SET id = excluded.id",
                (new,),
            )
            # Readers hold vectors of the old transform: everything is new to them.
            self._database.execute("UPDATE gallery_clock SET position = position + 1")
            if converted:
                self._erasure.mark()
        self._erasure.finish()
        return converted

    def _replace(
        self, rows: Sequence[tuple[int, bytes]], change: Callable[[Vector], Vector]
    ) -> None:
        stored = np.frombuffer(b"".join(vector for _, vector in rows), dtype="<f4")
        changed = change(stored.astype(np.float32).reshape(len(rows), -1))
        self._database.insert_many(
            "UPDATE templates SET vector = ? WHERE id = ?",
            [(template_bytes(v), i) for v, (i, _) in zip(changed, rows, strict=True)],
        )


def _row(number: str, vector: bytes) -> tuple[str, bytes]:
    return number, vector


def _stored(template: int, vector: bytes) -> tuple[int, bytes]:
    return template, vector


def _pair(position: int, removed: int) -> tuple[int, int]:
    return position, removed
