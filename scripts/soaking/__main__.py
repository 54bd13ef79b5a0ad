"""`./scripts/soak`: the parts one after the other; exit code 1 when any failed."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click

from morning.cast import Person, packaged_people
from morning.photos import fetch_photos
from soaking import drain, full_speed, line, stores
from soaking.course import Course, Outcome, Part

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, Part] = {
    "stores": stores.soak,
    "line": line.soak,
    "drain": drain.soak,
    "full-speed": full_speed.soak,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option(
    "--minutes",
    default=10.0,
    show_default=True,
    help="Of load, for each part; of `drain`, at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=ROOT / ".cache" / "models",
    help="The default pack's.",
)
def main(parts: tuple[str, ...], minutes: float, as_json: bool, weights: Path) -> None:
    """Run PARTS (all without any) and print what came of it."""
    cast = _cast(weights)
    outcomes: dict[str, Outcome] = {}
    for name in parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="kiosk-soak-") as folder:
            outcomes[name] = PARTS[name](Course(Path(folder), weights, cast, minutes * 60))
    if as_json:
        told = {n: {"numbers": o.numbers, "failures": o.failures} for n, o in outcomes.items()}
        click.echo(json.dumps(told, indent=1))
    else:
        for name, outcome in outcomes.items():
            _print(name, outcome)
    sys.exit(1 if any(outcome.failures for outcome in outcomes.values()) else 0)


def _cast(weights: Path) -> list[Person]:
    return packaged_people(weights, fetch_photos(ROOT / ".cache" / "photos"))


def _print(name: str, outcome: Outcome) -> None:
    click.echo(f"{name}: {'failed' if outcome.failures else 'held'}")
    for what, value in outcome.numbers.items():
        if not what.startswith("samples"):  # hundreds of them: in the JSON
            click.echo(f"  {what}: {value}")
    for failure in outcome.failures:
        click.echo(f"  FAILED: {failure}", err=True)


if __name__ == "__main__":
    main()
