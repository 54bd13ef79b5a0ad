"""What the commands that measure on photos share: the weights, and a bar while they embed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich import progress as bars
from rich.console import Console

from kiosk.photo_sets import Acquired, PhotoSet, acquire
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


def acquire_with_bar(eyes: Recognizer, photos: PhotoSet) -> Acquired:
    """Embed every photo; a bar on stderr when that is a terminal."""
    console = Console(stderr=True)
    with bars.Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("photos", total=len(photos.photos))
        return acquire(eyes, photos.photos, lambda: bar.advance(task))
