"""The tables and the diagram of docs/presentation.md, drawn from the code.

`python -m kiosk.presentation_page` fills what stands between `<!-- generated: NAME -->` and
`<!-- end -->` in the page; everything else there is written by hand and left alone. A test fails
when the page is stale. No clock, no pins; reads and writes the page only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

import click

from kiosk.presentation_walk import walk
from kiosk.screen.texts import SIGNALS
from kiosk.signals import PATTERNS, Pattern, Rhythm, Signal
from kiosk.visit import Phase

P = TypeVar("P", bound=Enum)

# Mermaid gives meaning to most punctuation; an event's name needs none of it.
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ,'.-]*", re.ASCII)
_BLOCK_S = 0.1  # of a pulse, drawn as one block; what is shorter is a thin one


def parts() -> Mapping[str, str]:
    """What is generated, by the name of the block that it fills."""
    arrows, shown = walk()
    transitions = {phase: [(e, to) for at, e, to in arrows if at is phase] for phase in Phase}
    return {
        "states": diagram(transitions),
        "shown": state_table(shown),
        "signals": signal_table(PATTERNS, {signal: _on_screen(signal) for signal in Signal}),
    }


def _on_screen(signal: Signal) -> str:
    text = SIGNALS[signal.name]
    return f"**{text.headline}** {text.detail}"


def signal_table(patterns: Mapping[Signal, Pattern], texts: Mapping[Signal, str]) -> str:
    """What the lamp, the sound and the screen's `texts` are for each signal, as Markdown."""
    rows = ["| signal | screen | lamp | lamp's rhythm | beeps | pitch |", "| --- " * 6 + "|"]
    for signal, pattern in patterns.items():
        light = _drawn(pattern.light) if pattern.lamp else ""
        beeps, pitch = "", ""
        if pattern.beep is not None:
            beeps, pitch = _drawn(pattern.beep), f"{pattern.pitch_hz} Hz"
        name, lamp = f"`{signal.name.lower()}`", pattern.lamp or "dark"
        rows.append(f"| {name} | {texts[signal]} | {lamp} | {light} | {beeps} | {pitch} |")
    return "\n".join(rows)


def state_table(shown: Mapping[P, Sequence[Signal]]) -> str:
    """Which signals each state can show, as Markdown; a state's value says what it is."""
    rows = ["| state | | signals |", "| --- | --- | --- |"]
    for state, signals in shown.items():
        names = ", ".join(f"`{signal.name.lower()}`" for signal in signals)
        rows.append(f"| `{state.name}` | {state.value} | {names} |")
    return "\n".join(rows)


def diagram(transitions: Mapping[P, Sequence[tuple[str, P]]]) -> str:
    """A Mermaid state diagram of (event's name, next state) by state; the first one is the start.

    Events with the same states share an arrow, in the order given. Raises `ValueError` for a state
    that is led to and has no entry, one that nothing leads to, and a name that Mermaid would
    misread.
    """
    start = next(iter(transitions))
    reached, found = {start}, [start]
    while found:
        state = found.pop()
        if state not in transitions:
            raise ValueError(f"{state.name} is led to and has no transitions of its own")
        new = {after for _, after in transitions[state]} - reached
        reached |= new
        found += new
    lost = [state.name for state in transitions if state not in reached]
    if lost:
        raise ValueError(f"nothing leads to {', '.join(lost)}")
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start.name}"]
    for state, arrows in transitions.items():
        events: dict[P, list[str]] = {}
        for event, after in arrows:
            if _LABEL.fullmatch(event) is None:
                raise ValueError(f'"{event}" cannot be the label of an arrow')
            events.setdefault(after, []).append(event)
        lines += [f"    {state.name} --> {to.name}: {', '.join(e)}" for to, e in events.items()]
    return "\n".join([*lines, "```"])


def filled(page: str, generated: Mapping[str, str]) -> str:
    """The page with its blocks filled; raises `ValueError` when blocks and parts do not agree."""
    block = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    names = [found[2] for found in block.finditer(page)]
    if sorted(names) != sorted(generated):
        raise ValueError(f"the page has the blocks {names}, generated are {sorted(generated)}")
    return block.sub(lambda found: f"{found[1]}\n{generated[found[2]]}\n\n{found[3]}", page)


def _drawn(rhythm: Rhythm) -> str:
    """One block for a tenth of a second, and `…` where it starts anew."""
    if not rhythm.on_s:
        return "steady"
    drawn = " ".join("█" * round(s / _BLOCK_S) or "▏" for s in rhythm.on_s)
    return f"`{drawn}{' …' if rhythm.again_s else ''}`"


@click.command()
@click.argument(
    "page",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=Path("docs/presentation.md"),
)
def main(page: Path) -> None:
    """Fill the generated blocks of PAGE (default docs/presentation.md)."""
    text = filled(page.read_text(encoding="utf-8"), parts())
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
