"""What a guided enrolment says on a terminal: a bar where there is one, else a line a change."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from kiosk import guide
from kiosk.ceremony import Step

_WORDS = {
    Step.TRIAL: "last: look straight at the camera",
    Step.DONE: "done",
    Step.REFUSED: "refused",
    Step.CANCELLED: "cancelled",
}


class Screen:
    """Progress on stderr; with `quiet` and no terminal to draw on it says nothing."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._console, self._said = console, ""
        self._silent = quiet
        self._bar: Progress | None = None
        if console.is_terminal and not quiet:
            self._bar = Progress(
                TextColumn("{task.description:44}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[left]}", markup=False),
                console=console,
                transient=True,
            )

    def __enter__(self) -> Screen:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("", total=1.0, left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, progress: guide.Progress) -> None:
        """Show how the enrolment stands; call it with every frame."""
        words = line(progress)
        if self._bar is not None:
            left = "" if progress.seconds_left is None else f"{progress.seconds_left:.0f} s left"
            task = self._bar.task_ids[0]
            self._bar.update(task, description=words, completed=progress.part, left=left)
        elif words != self._said and not self._silent:
            self._console.print(words)
        self._said = words


def line(progress: guide.Progress) -> str:
    """What is asked for, and what the person can do, in one line."""
    asked = progress.pose.value if progress.pose else _WORDS.get(progress.step, progress.step.value)
    return asked if progress.hint is None else f"{asked}: {progress.hint.hint}"
