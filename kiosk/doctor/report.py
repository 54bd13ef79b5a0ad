"""Findings as a technician reads them: columns on a terminal, one plain line each elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kiosk.doctor.finding import Finding, Level, exit_code

_STYLES = {
    Level.OK: "green",
    Level.NOT_CHECKED: "cyan",
    Level.WARNING: "yellow",
    Level.FAILURE: "bold red",
}


def document(findings: Sequence[Finding], mended: Sequence[str] = ()) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "version": metadata.version("kiosk"),
        "exit_code": exit_code(findings),
        "mended": list(mended),
        "findings": [
            {"name": f.name, "level": f.level.value, "says": f.says, "mend": f.mend}
            for f in findings
        ],
    }


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print them and the sum; columns and colour only where the console is a terminal."""
    if console.is_terminal:
        table = Table("", "", "", "to mend it", box=None, pad_edge=False, header_style="dim")
        for f in findings:
            word = Text(f.level.value, style=_STYLES[f.level])
            table.add_row(word, f.name, Text(f.says), Text(f.mend))
        console.print(table)
    else:
        for f in findings:
            mend = f" | {f.mend}" if f.mend else ""
            line = f"{f.level.value:11}  {f.name:16}  {f.says}{mend}"
            console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
    console.print(total(findings), soft_wrap=True, markup=False, highlight=False)


def total(findings: Sequence[Finding]) -> str:
    """How many of each."""
    counts = Counter(f.level for f in findings)
    return ", ".join(f"{counts[level]} {level.value}" for level in Level)
