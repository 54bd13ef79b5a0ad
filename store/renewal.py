"""A new TLS certificate on its way: what kiosk and sync say to each other about it, in `ledger.db`.

One row, one order at a time; a later order takes its place. kiosk has no network, sync owns the
TLS key and signs nothing:

1. kiosk puts the order (`begin`), by headquarters' command;
2. sync makes a key and puts the request for it (`ask`); kiosk tells of it in the ledger (`told`);
3. kiosk puts the certificate that headquarters sent (`bring`); what it may be, sync checks;
4. sync says what came of it (`conclude`); kiosk tells of it in the ledger and ends the order
   (`end`), or keeps the key waiting for a better certificate (`wait_on`).

Each step is one transaction and may be repeated after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from store.database import Database

Conclusion = Literal["installed", "refused", "rejected"]


@dataclass(frozen=True, slots=True)
class Order:
    """The order under way. `number` is its command's; `request` and `certificate` are PEM texts.

    `told` says that the ledger has the request. `conclusion`: "installed", "refused" (not what was
    asked for), "rejected" (the broker does not take it), None while there is none.
    """

    number: int
    request: str | None
    told: bool
    certificate: str | None
    conclusion: Conclusion | None
    detail: str


class Renewal:
    """The row in `database` (ledger.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> Order | None:
        """The order under way, None without one."""
        query = "SELECT number, request, told, certificate, conclusion, detail FROM renewal"
        return self._database.one(query, (), _order)

    def begin(self, number: int) -> None:
        """Order a new key and certificate, in place of any order before."""
        self._change("INSERT OR REPLACE INTO renewal (one, number) VALUES (1, ?)", number)

    def ask(self, number: int, request: str) -> None:
        """Put the request for the key of that order, if it is still under way."""
        self._change("UPDATE renewal SET request = ?, told = 0 WHERE number = ?", request, number)

    def told(self, number: int) -> None:
        """The ledger has the request."""
        self._change("UPDATE renewal SET told = 1 WHERE number = ?", number)

    def bring(self, certificate: str) -> bool:
        """Put a certificate before sync; False when no request waits for one."""
        query = (
            "UPDATE renewal SET certificate = ?, conclusion = NULL, detail = '' "
            "WHERE request IS NOT NULL AND told = 1"
        )
        with self._database.transaction():
            return self._database.execute(query, (certificate,)) == 1

    def conclude(self, order: Order, conclusion: Conclusion, detail: str = "") -> None:
        """Say what came of the order's certificate, if it is still that one."""
        self._change(
            "UPDATE renewal SET conclusion = ?, detail = ? WHERE number = ? AND certificate IS ?",
            conclusion,
            detail,
            order.number,
            order.certificate,
        )

    def wait_on(self, number: int) -> None:
        """The certificate was not the right one; the request waits for another."""
        self._change(
            "UPDATE renewal SET certificate = NULL, conclusion = NULL, detail = '' "
            "WHERE number = ?",
            number,
        )

    def end(self, number: int) -> None:
        """The order is done with."""
        self._change("DELETE FROM renewal WHERE number = ?", number)

    def _change(self, sql: str, *values: str | int | None) -> None:
        with self._database.transaction():
            self._database.execute(sql, values)


def _order(
    number: int,
    request: str | None,
    told: int,
    certificate: str | None,
    conclusion: Conclusion | None,
    detail: str,
) -> Order:
    return Order(number, request, bool(told), certificate, conclusion, detail)
