"""`kiosk tune`: how the networks run fastest on this machine, kept for `kiosk run`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from kiosk.commands.measuring import progress_bar
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.commands.recognition import recognizer_settings
from kiosk.overrides import Overrides
from kiosk.settings import load
from kiosk.tuner import GAIN, Answer, Tuner
from kiosk.tuning import Tuning, cores, grounds, write_tuning

_QUESTIONS = 7


@click.command("tune")
@with_config
@click.option(
    "--rounds",
    type=click.IntRange(min=5),
    default=40,
    show_default=True,
    help="Turns of each question.",
)
@click.option("--dry-run", is_flag=True, help="Measure and say; keep nothing.")
@with_json
def tune_command(config: Path, rounds: int, dry_run: bool, as_json: bool) -> None:
    """Measure how the networks run fastest on this machine, and keep it for `kiosk run`.

    Takes tens of seconds. Best while the daemon is stopped; a started one takes the tuning up when
    it is started again.
    """
    settings, _ = Overrides(load(config)).settings()
    tuner = Tuner(
        settings.recognition.weights,
        recognizer_settings(settings),
        cores(),
        rounds,
        time.perf_counter,
    )
    with progress_bar("questions", _QUESTIONS) as advance:
        tuned = tuner.run(advance)
    tuning = Tuning(
        threads=tuned.session.threads,
        arena=tuned.session.arena,
        provider=tuned.session.provider,
        opencv_threads=tuned.opencv_threads,
        kinds=tuned.kinds,
        grounds=grounds(settings),
    )
    path = None if dry_run else write_tuning(settings.store.directory, tuning)
    if as_json:
        asked = {
            a.question: {
                "chosen": a.preferred.name,
                "time_ratios": a.preferred.ratios,
                "first_ms": a.preferred.first_ms,
                "not_the_same": a.left_out,
            }
            for a in tuned.answers
        }
        print_json({"tuning": tuning.model_dump(), "asked": asked, "kept": path is not None})
        return
    for answer in tuned.answers:
        click.echo(_line(answer))
    click.echo(
        f"kept in {path}: start `kiosk run` again" if path else "nothing kept, as --dry-run asks"
    )


def _line(answer: Answer) -> str:
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in answer.preferred.ratios.items())
    other = f"; not the same numbers: {', '.join(answer.left_out)}" if answer.left_out else ""
    return (
        f"{answer.question}: {answer.preferred.name} (time over the first's: {ratios}; a change "
        f"needs {GAIN:.0%} less){other}"
    )
