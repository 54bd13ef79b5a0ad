"""A new TLS key and certificate, by order: made, asked for, checked, tried, taken into use.

- Every step begins from what `ledger.db` and `tls/` say, so it goes on after a kill at any instant.
- A certificate is taken only for the key that waits, with this terminal's common name, valid now,
  and signed by the CA of the settings.
- It is tried on a connection of its own beside the one that works (`client_id` with `/trial`). Only
  what the broker has taken is taken into use; the old pair serves until that instant.
- A trial fails after `TRIES` attempts one after the other during which the other connection
  stood: then it is the certificate. Without that connection it is the network, and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from store.certificates import mistake
from store.database import Database
from store.renewal import Conclusion, Order, Renewal
from sync.errors import CredentialError
from sync.pairs import Pairs
from sync.tls import Broker

_LOG = logging.getLogger("sync.renewal")
TRIES = 5  # with the pauses between them a broker that restarts is back
_MAX_DETAIL = 200


class Trial(Protocol):
    """A connection that is tried; `MqttTransport` is one."""

    @property
    def connection(self) -> int | None:
        """Its number, None while there is none."""

    @property
    def failures(self) -> int:
        """Attempts in a row that came to nothing."""

    @property
    def trouble(self) -> str:
        """Why the last one did."""

    def start(self) -> None:
        """Begin to connect."""

    def close(self) -> None:
        """End it."""


class CertificateRenewal:
    """One terminal's renewal; belongs to the thread of its database connection."""

    def __init__(
        self,
        database: Database,
        pairs: Pairs,
        broker: Broker,
        name: str,
        clock: Callable[[], datetime],
        dial: Callable[[Broker], Trial],
    ) -> None:
        self._database = database
        self._renewal = Renewal(database)
        self._pairs = pairs
        self._broker = broker
        self._name = name
        self._clock = clock
        self._dial = dial
        self._seen: int | None = None
        self._trial: Trial | None = None
        self._tried = ""
        self._failures = self._against = 0
        order = self._renewal.get()
        pairs.tidy([] if order is None else [order.number])

    def step(self, connected: bool) -> bool:
        """Do what is due; True when the terminal is to connect anew, with its new certificate.

        `connected`: the present connection stands. Raises what the store raises.
        """
        version = self._database.data_version()
        if version == self._seen and self._trial is None:
            return False
        self._seen = version
        order = self._renewal.get()
        if self._trial is not None and (order is None or order.certificate != self._tried):
            self.close()  # another order, or another certificate
        if order is None or order.conclusion is not None:
            return False
        if order.certificate is None:
            self._ask(order)
        elif self._trial is not None:
            return self._judge(order, self._trial, connected)
        elif self._is_in_use(order):
            self._conclude(order, "installed")  # a kill came in between
        else:
            self._try(order, order.certificate)
        return False

    def close(self) -> None:
        """Give up a trial; it begins again with the next start."""
        if self._trial is not None:
            self._trial.close()
            self._trial = None

    def _ask(self, order: Order) -> None:
        if order.request is not None and self._pairs.of(order.number)[1].exists():
            return
        try:
            request = self._pairs.request(order.number, self._name)
        except ValueError:  # X.509 ends a common name at 64 characters
            self._conclude(order, "refused", "a certificate cannot hold this terminal's name")
            return
        self._renewal.ask(order.number, request)
        _LOG.info("certificate_asked_for", extra={"fields": {"number": order.number}})

    def _is_in_use(self, order: Order) -> bool:
        path = self._pairs.of(order.number)[0]
        return self._pairs.is_used(order.number) and path.read_text() == order.certificate

    def _try(self, order: Order, certificate: str) -> None:
        wrong = mistake(
            certificate,
            order.request or "",
            self._name,
            self._clock(),
            self._broker.ca.read_text(encoding="ascii", errors="replace"),
        )
        if wrong is not None:
            self._conclude(order, "refused", wrong)
            return
        self._pairs.keep(order.number, certificate)
        path, key = self._pairs.of(order.number)
        client = f"{self._broker.client_id}/trial"
        broker = replace(
            self._broker, certificate=path, key=key, client_id=client, session_expiry_s=0
        )
        try:
            trial = self._dial(broker)
        except CredentialError:
            self._conclude(order, "refused", "its key is not here any more; order a new one")
            return
        self._trial, self._tried = trial, certificate
        self._failures = self._against = 0
        trial.start()

    def _judge(self, order: Order, trial: Trial, connected: bool) -> bool:
        if trial.connection is not None:
            self.close()
            self._pairs.use(order.number)
            self._conclude(order, "installed")
            return True
        if not connected:
            self._against = 0
        elif trial.failures > self._failures:
            self._against += 1
        self._failures = trial.failures
        if self._against >= TRIES:
            trouble = trial.trouble
            self.close()
            self._conclude(order, "rejected", trouble[:_MAX_DETAIL])
        return False

    def _conclude(self, order: Order, conclusion: Conclusion, detail: str = "") -> None:
        self._renewal.conclude(order, conclusion, detail)
        fields = {"number": order.number, "outcome": conclusion, "detail": detail}
        _LOG.info("certificate_renewal", extra={"fields": fields})
