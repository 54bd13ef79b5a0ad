"""What the demo shows: one line for each thing that happens, and the table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from rich.console import Console
from rich.table import Table

Line = dict[str, Any]
_COLOURS = {"punch": "green", "repeat": "green"}


class Screen:
    """Turns the programs' JSON lines into lines for a person; remembers every presentation.

    `names` are the demo's display names by number; the programs' own lines carry no names.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.presentations: list[Line] = []
        self._names = names
        self._console = Console(highlight=False)
        self._lock = Lock()

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print(f"[bold]{text}[/bold]")

    def say(self, text: str) -> None:
        """A plain line."""
        self._console.print(text, soft_wrap=True)

    def scene(self, title: str) -> None:
        """Somebody new is in front of the camera."""
        self._console.print(f"\n[dim]          ──[/dim] {title}")

    def hear(self, program: str, line: Line) -> None:
        """Called with each line that a program logs."""
        with self._lock:
            match program, line.get("event"):
                case "kiosk", "signal":
                    hint = f" ({line['hint']})" if line.get("hint") else ""
                    self._at(
                        line,
                        f"[dim]lamp and buzzer  {line['signal']}{hint}: {line['pattern']}[/dim]",
                    )
                case "kiosk", "presentation" if line["decision"] == "left":
                    hint = f" (told: {line['hint'].replace('_', ' ')})" if line["hint"] else ""
                    self._at(line, f"[yellow]left without an answer[/yellow]{hint}")
                case "kiosk", "presentation":
                    self.presentations.append(line)
                    self._at(line, _decision(line))
                case "kiosk", "note":
                    self._at(line, f"[yellow]note[/yellow]  {line['text']}")
                case _, event if line.get("level") in ("error", "warning") or event == "said":
                    rest = {k: v for k, v in line.items() if k not in ("time", "level", "event")}
                    self._at(line, f"[yellow]{program}: {event}[/yellow] {rest}")

    def punch(self, punch: Line) -> None:
        """A punch was stored at headquarters."""
        who = self._names.get(punch["person"], "?")
        with self._lock:
            self._at(
                {"time": punch["received"]},
                f"[cyan]headquarters[/cyan]     has #{punch['seq']}: {punch['person']} {who} at "
                f"{punch['time'][11:19]}Z, receipt up to #{punch['receipt']}",
            )

    def table(self, punches: Sequence[Line]) -> None:
        """Every presentation of the morning, with the punch that came of it."""
        by_seq = {punch["seq"]: punch for punch in punches}
        table = Table("time", "who", "score", "decision", "ms", "delivered", title="The morning")
        for p in self.presentations:
            punch = by_seq.get(p.get("seq"))
            who, delivered = "", ""
            if punch:
                who = f"{punch['person']} {self._names.get(punch['person'], '')}"
                delivered = "yes" if punch["confirmed"] else "NO"
            colour = _COLOURS.get(p["decision"], "red")
            table.add_row(
                str(p["time"])[11:19],
                who,
                f"{p['score']:.2f}" if p["score"] >= 0 else "",
                f"[{colour}]{p['decision']}[/{colour}]",
                str(p["ms"]),
                delivered,
            )
        self._console.print()
        self._console.print(table)

    def _at(self, line: Line, text: str) -> None:
        time = str(line.get("time", ""))[11:19]
        self._console.print(f"{time:8}  {text}", soft_wrap=True)


def _decision(line: Line) -> str:
    colour = _COLOURS.get(line["decision"], "red")
    punch = f"  punch #{line['seq']} on disk" if line.get("seq") else ""
    return (
        f"[{colour}]{line['decision']:16}[/{colour}] score {line['score']:.2f}, "
        f"{line['frames']} frames, {line['ms']} ms{punch}"
    )
