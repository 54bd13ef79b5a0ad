"""What `./scripts/bench growth` makes of its times: exponents, verdicts, charts; and its ledger."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.exponent import TOLERANCE, Growth, Series, fitted, over
from benchmarks.growing_ledger import measured
from benchmarks.growth import powers
from benchmarks.log_charts import Panel, log_charts

DECADES = (1_000, 10_000, 100_000)
SVG = "{http://www.w3.org/2000/svg}"


def growing(exponent: float, linear: int | None = 1) -> Series:
    seconds = tuple(3e-6 * n**exponent for n in DECADES)
    return Series("thing", DECADES, seconds, linear)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(exponent: float) -> None:
    assert growing(exponent).exponent == pytest.approx(exponent)


def test_fixed_costs_before_the_last_two_decades_do_not_hide_the_growth() -> None:
    assert fitted((10, 100, 1_000, 10_000), (5.0, 5.0, 50.0, 500.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("sizes", "values"), [((10,), (1.0,)), ((10, 10_000), (1.0, 2.0)), ((10, 100), (0.0, 1.0))]
)
def test_what_has_no_exponent_is_refused(sizes: list[int], values: list[float]) -> None:
    with pytest.raises(ValueError, match="exponent"):
        fitted(sizes, values)


def test_linear_passes_and_a_root_more_does_not() -> None:
    assert not growing(1.0).grows_too_fast
    assert not growing(1.0 + TOLERANCE / 2).grows_too_fast
    assert growing(1.5).grows_too_fast
    assert growing(0.5, linear=0).grows_too_fast
    assert not growing(1.5, linear=None).grows_too_fast


def test_a_ratio_that_stays_has_no_slope_whatever_both_do() -> None:
    ratio = over("one over the other", growing(2.0), growing(2.0))
    assert ratio.seconds == pytest.approx((1.0, 1.0, 1.0))
    assert ratio.exponent == pytest.approx(0.0)
    assert not ratio.grows_too_fast


def test_the_table_names_what_grows_too_fast_and_nothing_else() -> None:
    growth = Growth({"cores": 2}, [growing(1.0), growing(1.5), growing(1.5, None)])
    growth.ratios.append(over("ratio", growing(1.0), growing(1.0)))
    rows = growth.markdown().splitlines()[-4:]
    assert [row.split(" | ")[-1] for row in rows] == [
        "linear or better |",
        "**too fast** |",
        "yardstick |",
        "linear or better |",
    ]
    assert "1,000: 3 ms" in rows[0]
    assert all(row.count("|") == 6 for row in rows)


def test_the_charts_are_one_svg_with_each_point_inside_its_panel() -> None:
    panels = [Panel("A <thing>", "records", (growing(1.0), growing(2.0)))] * 3
    root = ET.fromstring(log_charts(panels))  # noqa: S314 — our own
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    groups = root.findall(f"{SVG}g")
    assert len(groups) == 3
    for group in groups:
        moved = re.findall(r"\d+", group.attrib["transform"])
        left, top = map(float, moved)
        assert len(group.findall(f"{SVG}polyline")) == 2
        circles = group.findall(f"{SVG}circle")
        assert len(circles) == 6
        for circle in circles:
            assert 0 <= left + float(circle.attrib["cx"]) <= width
            assert 0 <= top + float(circle.attrib["cy"]) <= height
        texts = [text.text for text in group.findall(f"{SVG}text")]
        assert {"A <thing>", "records", "10³", "10⁵", "1 ms", "thing: slope 1.00"} <= set(texts)


def test_a_line_of_slope_1_lies_on_the_dashed_one() -> None:
    root = ET.fromstring(log_charts([Panel("a", "b", (growing(1.0),))]))  # noqa: S314
    group = root.find(f"{SVG}g")
    assert group is not None
    (dashed,) = [p for p in group.findall(f"{SVG}path") if p.attrib["class"] == "slope"]
    ends = [float(number) for number in re.findall(r"[\d.]+", dashed.attrib["d"])]
    (line,) = group.findall(f"{SVG}polyline")
    first, *_, last = line.attrib["points"].split(" ")
    assert ends == pytest.approx([float(n) for n in f"{first},{last}".split(",")], abs=0.11)


def test_the_ledger_is_measured_in_powers_of_ten() -> None:
    assert powers(10_000) == (1_000, 10_000)
    assert powers(999_999) == (1_000, 10_000, 100_000)


def test_the_growing_ledger_is_drained_whole_at_each_size(tmp_path: Path) -> None:
    """It would not end otherwise: draining goes on until a receipt covers the newest record."""
    taken = list(measured(tmp_path, (10, 120), repetitions=3))
    assert len(taken) == 2
    assert all(one.drain > 0 and one.verify > 0 for one in taken)
