"""The example of alert rules: every metric in it exists, and each rule fires when it should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from store.machine import POWER_BITS
from sync.metrics import exposition
from sync.reception import REFUSALS
from tests.sync.test_metrics import FULL

RULES = Path(__file__).resolve().parents[2] / "docs" / "monitoring" / "alerts.yml"
PAGE = RULES.parents[1] / "monitoring.md"
NOT_OURS = {"up", "node_textfile_mtime_seconds"}  # Prometheus' own, and node_exporter's
DAY_MINUTES = 24 * 60


def told() -> set[str]:
    families = text_string_to_metric_families(exposition(FULL, connected=True).decode())
    return {sample.name for family in families for sample in family.samples}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


def test_every_rule_is_whole_and_has_a_name_of_its_own(rules: list[dict[str, Any]]) -> None:
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names)) > 10
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].startswith("{{ $labels.instance }}: ")


def test_every_metric_of_the_rules_exists(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        used = set(re.findall(r"\b(?:kiosk|node)_\w+|\bup\b", rule["expr"]))
        assert used, rule["alert"]
        assert used <= told() | NOT_OURS, rule["alert"]


def test_every_label_value_of_the_rules_exists(rules: list[dict[str, Any]]) -> None:
    text = " ".join(rule["expr"] for rule in rules)
    for flag in re.findall(r'flag="(\w+)"', text):
        assert flag in POWER_BITS.values()
    for reasons in re.findall(r'reason=~"([\w|]+)"', text):
        assert set(reasons.split("|")) <= set(REFUSALS)


def test_the_page_lists_every_metric_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(kiosk_\w+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == told()


def case(alert: str, minute: int, fires: bool, **series: str) -> dict[str, Any]:
    """One rule at one minute; a series is named as a metric, its values as promtool writes them."""
    return {
        "interval": "1m",
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "input_series": [
            {"series": name.replace("__", "{", 1) + "}" if "__" in name else name, "values": values}
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


def ends(days: int) -> dict[str, str]:
    """A certificate that ends so many days after the first minute, for a day."""
    at_s = days * DAY_MINUTES * 60
    return {'kiosk_certificate_expiry_timestamp_seconds__file="ca"': f"{at_s}x{DAY_MINUTES}"}


FREE, SIZE = "kiosk_disk_free_bytes", "kiosk_disk_size_bytes"
FORGED = 'kiosk_refused_messages_total__reason="forged"'
WRITTEN = 'node_textfile_mtime_seconds__file="/var/lib/x/kiosk.prom"'
CASES = [
    case("KioskSilent", 10, False, **{WRITTEN: "0+60x10"}),
    case("KioskSilent", 10, True, **{WRITTEN: "0+0x10"}),
    case(
        "KioskDown",
        30,
        True,
        **{'up__instance="a"': "1x10 0x30", 'kiosk_info__instance="a"': "1x10"},
    ),
    case("KioskDown", 30, False, **{'up__instance="b"': "0x40"}),
    case("KioskDisconnected", 20, True, kiosk_connected="0x30"),
    case("KioskDisconnected", 20, False, kiosk_connected="0x10 1x20"),
    case("KioskBacklogGrowing", 120, True, kiosk_outbox_records="0+3x120"),
    case("KioskBacklogGrowing", 120, False, kiosk_outbox_records="900-3x120"),
    case("KioskBacklogGrowing", 120, False, kiosk_outbox_records="90x120"),
    case(
        "KioskReceiptsOld",
        120,
        True,
        kiosk_outbox_records="5x120",
        kiosk_last_receipt_timestamp_seconds="0x120",
    ),
    case(
        "KioskReceiptsOld",
        120,
        False,
        kiosk_outbox_records="0x120",
        kiosk_last_receipt_timestamp_seconds="0x120",
    ),
    case("KioskClockLost", 40, True, kiosk_clock_synchronised="1 0x40"),
    case("KioskClockLost", 40, False, kiosk_clock_synchronised="1x40"),
    case("KioskDiskNearlyFull", 20, True, **{FREE: "4x20", SIZE: "99x20"}),
    case("KioskDiskNearlyFull", 20, False, **{FREE: "9x20", SIZE: "99x20"}),
    case("KioskCertificateExpiring", 120, True, **ends(29)),
    case("KioskCertificateExpiring", 120, False, **ends(31)),
    case("KioskCertificateExpiringSoon", 120, True, **ends(6)),
    case("KioskCertificateExpiringSoon", 120, False, **ends(29)),
    case("KioskFault", 2, True, **{'kiosk_fault__code="too_hot"': "1x5"}),
    case("KioskUndervoltage", 5, True, **{'kiosk_power_flag__flag="undervoltage"': "1x5"}),
    case("KioskUndervoltage", 5, False, **{'kiosk_power_flag__flag="throttled"': "1x5"}),
    case("KioskMessagesRefused", 10, True, **{FORGED: "0x5 1x5"}),
    case("KioskMessagesRefused", 10, False, **{FORGED: "7x9"}),
]


def test_each_rule_fires_when_it_should_and_only_then(
    rules: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert {str(case["name"]).split()[0] for case in CASES} == {rule["alert"] for rule in rules}
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool (Debian: apt-get install prometheus)")
    path = tmp_path / "cases.yml"
    plan = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": CASES}
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(path)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
