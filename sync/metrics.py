"""A status as Prometheus metrics, in the text format: pure, no file and no clock.

- The metrics are made of the very status that headquarters gets, so the two never disagree.
- What the status does not tell has no metric: a missing sensor is not a cold one.
- Names end in their base unit, counters in `_total`; an instant is a Unix time in seconds
  (https://prometheus.io/docs/practices/naming/).
- No personal data: numbers, codes and versions. Labels come from fixed sets, but `code`, of which
  the ledger has as many as faults stand.
- A registry of our own: the library's global one adds this process's memory and threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from store.machine import POWER_BITS
from sync.contract.status import Status
from sync.reception import REFUSALS


def exposition(status: Status, *, connected: bool) -> bytes:
    """The metrics of one instant, UTF-8; `connected` says whether the broker is reached."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(status, connected))
    return generate_latest(registry)


class _Snapshot(Collector):
    """What one status says; the registry asks for it once."""

    def __init__(self, status: Status, connected: bool) -> None:
        self._status, self._connected = status, connected

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        status = self._status
        info = InfoMetricFamily("kiosk", "The program that runs on this terminal.")
        info.add_metric((), {"version": status.version})
        yield info
        for name, documentation, value in (
            ("connected", "Whether the MQTT broker is reached.", self._connected),
            ("ledger_head", "Number of the newest record of the ledger.", status.head),
            ("confirmed", "Number of the last record that headquarters has.", status.confirmed),
            ("outbox_records", "Records that headquarters has not confirmed.", status.backlog),
            (
                "last_receipt_timestamp_seconds",
                "When headquarters signed the last receipt that was taken.",
                _unix(status.receipt_time),
            ),
            (
                "clock_synchronised",
                "Whether the kernel says that the clock is synchronised.",
                status.clock_synchronised,
            ),
            (
                "clock_error_seconds",
                "Estimated error of the clock, by the kernel.",
                None if status.clock_error_ms is None else status.clock_error_ms / 1000,
            ),
            ("disk_free_bytes", "Free on the disk that holds the ledger.", status.disk_free),
            ("disk_size_bytes", "Size of the disk that holds the ledger.", status.disk_size),
            ("temperature_celsius", "Of the processor.", status.temperature_c),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"kiosk_{name}", documentation, value=float(value))
        yield from self._labelled()

    def _labelled(self) -> Iterator[Metric]:
        status = self._status
        refused = CounterMetricFamily(
            "kiosk_refused_messages", "Inbound messages refused since the start.", labels=["reason"]
        )
        for reason in sorted({*REFUSALS, *status.refused}):
            refused.add_metric([reason], status.refused.get(reason, 0))
        yield refused
        if status.power is not None:
            power = GaugeMetricFamily(
                "kiosk_power_flag", "Flags of the Raspberry Pi's get_throttled.", labels=["flag"]
            )
            for flag in POWER_BITS.values():
                power.add_metric([flag], flag in status.power)
            yield power
        codes = {*(status.faults or ()), *([] if status.fault is None else [status.fault])}
        if codes:
            fault = GaugeMetricFamily("kiosk_fault", "Faults that stand.", labels=["code"])
            for code in sorted(codes):
                fault.add_metric([code], 1)
            yield fault
        ends = {"certificate": status.certificate_expires, "ca": status.ca_expires}
        if any(ends.values()):
            expiry = GaugeMetricFamily(
                "kiosk_certificate_expiry_timestamp_seconds",
                "When the first certificate of a file of [mqtt] expires.",
                labels=["file"],
            )
            for file, at in ends.items():
                if at is not None:
                    expiry.add_metric([file], at.timestamp())
            yield expiry


def _unix(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()
