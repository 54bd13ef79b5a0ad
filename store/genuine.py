"""How well people's accepted presentations matched, week by week, and who is asked to renew.

- One row a person and week (ISO 8601, by its Monday in UTC): a count and two sums, no single score
  and no time of day.
- Of a person the first `WEEKS_KEPT` weeks after the enrolment and the newest `WEEKS_KEPT` stay;
  what lies between is deleted.
- The schema deletes all of it with the last template, and at every new enrolment.
"""

from __future__ import annotations

from datetime import timedelta

from store.database import Database
from store.people import GenuineWeek
from store.records import Instant, utc_text

WEEKS_KEPT = 4  # at each end: what `recognizer.ageing` compares


class Genuine:
    """The weeks in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, number: str, score_millionths: int, at: Instant) -> list[GenuineWeek]:
        """Count an accepted presentation of a person; returns the weeks kept, oldest first.

        Somebody who is gone, or has no template any more, is passed over.
        """
        day = at.utc.date()
        monday = (day - timedelta(days=day.weekday())).isoformat()
        squares = round(score_millionths**2 / 1e6)
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO genuine SELECT ?1, ?2, 1, ?3, ?4 "
                "WHERE EXISTS (SELECT 1 FROM templates WHERE person = ?1) "
                "ON CONFLICT DO UPDATE SET count = count + 1, "
                "total = total + excluded.total, squares = squares + excluded.squares",
                (number, monday, score_millionths, squares),
            )
            self._database.execute(
                "DELETE FROM genuine WHERE person = ?1 AND monday NOT IN "
                "(SELECT monday FROM (SELECT monday FROM genuine WHERE person = ?1 "
                "ORDER BY monday LIMIT ?2)) AND monday NOT IN "
                "(SELECT monday FROM (SELECT monday FROM genuine WHERE person = ?1 "
                "ORDER BY monday DESC LIMIT ?2))",
                (number, WEEKS_KEPT),
            )
            return self.weeks(number)

    def weeks(self, number: str) -> list[GenuineWeek]:
        """A person's weeks, oldest first."""
        return self._database.rows(
            "SELECT monday, count, total, squares FROM genuine WHERE person = ? ORDER BY monday",
            (number,),
            GenuineWeek,
        )

    def ask_renewal(self, number: str, at: Instant) -> bool:
        """Note that new photos are due; False when that was noted already."""
        return bool(
            self._database.execute(
                "INSERT INTO renewals VALUES (?, ?) ON CONFLICT DO NOTHING",
                (number, utc_text(at.utc)),
            )
        )

    def renewals(self) -> int:
        """How many people are asked for new photos."""
        return self._database.one("SELECT count(*) FROM renewals", (), int) or 0
