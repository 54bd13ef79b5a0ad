"""What the commands that measure on photos share: the weights, and a bar while they embed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich import progress as bars
from rich.console import Console

from kiosk.errors import PhotoSetError
from kiosk.photo_sets import Acquired, PhotoSet, acquire
from kiosk.stage_times import StageTimes
from recognizer.pipeline import Recognizer

_Command = TypeVar("_Command", bound=Callable[..., Any])


def with_weights(command: _Command) -> _Command:
    """`--weights DIR`: where the model weights are."""
    return click.option(
        "--weights",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("/var/lib/kiosk/models"),
        show_default=True,
        help="Where the weights are.",
    )(command)


def write_report(path: Path, page: str) -> None:
    """Write an HTML report; raises `PhotoSetError`."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PhotoSetError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr when that is a terminal; what it gives is called after each step."""
    console = Console(stderr=True)
    with bars.Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def acquire_with_bar(
    eyes: Recognizer, photos: PhotoSet, times: StageTimes | None = None, what: str = "photos"
) -> Acquired:
    """Embed every photo under a bar; `times` takes the time of each stage."""
    with progress_bar(what, len(photos.photos)) as advance:
        return acquire(eyes, photos.photos, advance, times)
