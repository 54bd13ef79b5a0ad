"""A morning at the door: the real programs, real faces, and the check that nothing got lost.

Run by `scripts/demo`. Exit code 0: headquarters has exactly what was punched. 1: it has not, or a
program failed. 2: the options make no sense.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from morning.cast import (
    Box,
    Person,
    Scene,
    attack,
    film,
    folder_cast,
    packaged_cast,
    packaged_morning,
    shared_cast,
    visit,
)
from morning.crowd import play
from morning.photos import fetch_photos
from morning.roster import FEWEST
from morning.screen import Line, Screen
from morning.stage import Running, Stage, StageError, program
from recognizer.errors import MissingWeightsError
from recognizer.pipeline import RecognizerSettings, open_recognizer

ROOT = Path(__file__).resolve().parents[2]
DELIVERED_WITHIN_S = 60.0


def options(words: Sequence[str]) -> argparse.Namespace:
    """The command line of scripts/demo."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, metavar="DIR", help="a folder with one a person")
    parser.add_argument("--camera", metavar="N", help="a webcam, live (0 is the first)")
    parser.add_argument("--video", type=Path, metavar="FILE", help="a video instead of the door")
    parser.add_argument("--pad", choices=("on", "off"), help="liveness check on or off")
    parser.add_argument(
        "--fast", action="store_true", help="play every frame as fast as the machine can"
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    parser.add_argument(
        "--morning", action="store_true", help="a scripted morning of many, as fast as it goes"
    )
    parser.add_argument("--people", type=int, default=200, help="of that morning (200)")
    parser.add_argument("--seed", type=int, default=20261124, help="of that morning's script")
    parser.add_argument("--weights", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help=argparse.SUPPRESS
    )
    chosen = parser.parse_args(words)
    if chosen.camera and chosen.video:
        parser.error("--camera and --video exclude each other")
    if chosen.people < FEWEST:
        parser.error(f"--people: a morning needs at least {FEWEST}")
    for path in (chosen.faces, chosen.video):
        if path and not path.exists():
            parser.error(f"{path} does not exist")
    return chosen


def main(words: Sequence[str]) -> int:
    """Play the morning and check it."""
    chosen = options(words)
    folder = Path(tempfile.mkdtemp(prefix="kiosk-demo-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            if chosen.morning:
                return _many(chosen, folder)
            return _play(chosen, folder, stack)
        except (StageError, ValueError, RuntimeError, OSError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1


def _play(chosen: argparse.Namespace, folder: Path, stack: ExitStack) -> int:
    pad, why = _pad(chosen)
    cast, scenes = _cast(chosen)
    screen = Screen({p.number: p.name for p in cast if p.number})
    opened = threading.Event()

    def hear(program: str, line: Line) -> None:
        screen.hear(program, line)
        if (program, line.get("event")) == ("kiosk", "ready"):
            opened.set()

    screen.title("Setting up: certificates, keys, broker, headquarters, terminal")
    if why:
        screen.say(f"[yellow]Liveness (PAD) is off:[/yellow] {why}")
    camera, titles, seconds = _camera(chosen, scenes, folder)
    stage = Stage(folder, chosen.weights, datetime.now(UTC), camera, pad, hear)
    stack.callback(stage.close)
    stage.prepare()
    stage.broker.start()
    stage.start("hq")
    stage.start("sync")
    _enrol(stage, screen, cast, folder, live=bool(chosen.camera))
    screen.title(f"\nThe door opens at mqtts://127.0.0.1:{stage.broker.port}")
    stage.follow(screen.punch, "hq", "punches", "--json", "--follow")
    kiosk = stage.start("kiosk")
    threading.Thread(target=_announce, args=(screen, titles, opened), daemon=True).start()
    if chosen.camera:
        screen.say("Walk up to the camera; Ctrl-C ends the morning.")
    _wait(kiosk, opened, seconds if chosen.keep else None)
    if kiosk.process.poll() not in (None, 0):
        raise StageError(f"kiosk run ended with {kiosk.process.returncode}: {kiosk.words[-1:]}")
    code = _check(stage, screen)
    if chosen.keep:
        screen.say(_how_to_watch(stage))
        _wait(kiosk, opened, None)
    return code


def _many(chosen: argparse.Namespace, folder: Path) -> int:
    """The scripted morning of many; the exit code."""
    chosen.pad = "off"  # the films are rendered from photographs
    cast, _ = _cast(chosen)
    outcome = play(folder, chosen.weights, cast, chosen.people, chosen.seed)
    print(*outcome.lines, sep="\n")
    for failure in outcome.failures:
        print(f"demo: {failure}", file=sys.stderr)
    if not outcome.failures:
        print("every punch is where it belongs, once, at the terminal and at headquarters")
    return 1 if outcome.failures else 0


def _camera(
    chosen: argparse.Namespace, scenes: Sequence[Scene], folder: Path
) -> tuple[dict[str, str | int | float], list[tuple[float, str]], float]:
    """The [camera] table, the scenes' (seconds, title), and the seconds of one morning."""
    if chosen.camera:
        device = int(chosen.camera) if chosen.camera.isdigit() else chosen.camera
        return {"source": "v4l2", "device": device}, [], 0.0
    video = chosen.video or folder / "door.avi"
    titles = [] if chosen.video else film(scenes, video)
    capture = cv2.VideoCapture(str(video))
    frames, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    at_end = "repeat" if chosen.keep else "stop"
    pace = "every-frame" if chosen.fast else "realtime"
    table = {"source": "video", "path": str(video.resolve()), "at_end": at_end, "pace": pace}
    # Played fast, a scene does not begin when its second comes.
    return {**table}, [] if chosen.fast else titles, frames / max(fps, 1.0)


def _pad(chosen: argparse.Namespace) -> tuple[str, str]:
    """The terminal's [pad] mode for this run, and why it is off."""
    if chosen.pad:
        return chosen.pad, "you chose --pad off." if chosen.pad == "off" else ""
    if chosen.faces:
        return "off", (
            "walk-ups rendered from photographs are what PAD is there to refuse; --pad on insists."
        )
    try:
        open_recognizer(chosen.weights, RecognizerSettings(pad=True))
    except MissingWeightsError:
        return "off", (
            "its weights come from a mirror or from upstream only, and neither could be reached. "
            "A photo of a face would be let in; a real terminal does not start like this unless "
            'its operator writes [pad] mode = "off".'
        )
    return "on", ""


def _cast(chosen: argparse.Namespace) -> tuple[list[Person], list[Scene]]:
    eyes = open_recognizer(chosen.weights, RecognizerSettings(pad=False))

    def find(image: NDArray[np.uint8]) -> list[Box]:
        return [photo.face.box for photo in eyes.embed_photo(image)]

    if chosen.faces:
        cast = folder_cast(chosen.faces, find)
        rounds = [
            (walk, i, p) for walk in (0, 1) for i, p in enumerate(cast) if len(p.walks) > walk
        ]
        return cast, [visit(p, i, walk) for walk, i, p in rounds]
    photos = fetch_photos(ROOT / ".cache" / "photos")
    cast = packaged_cast(photos["astronaut"], photos["t1"], find)
    scenes = packaged_morning(cast)
    if (chosen.shared / "faces").is_dir():
        more, attacks = shared_cast(chosen.shared / "faces", find)
        cast += more
        scenes += [visit(p, 20 + i) for i, p in enumerate(more)]
        if chosen.pad != "off":
            scenes += [attack(p, 30 + i) for i, p in enumerate(attacks)]
    return cast, scenes


def _enrol(
    stage: Stage, screen: Screen, cast: Sequence[Person], folder: Path, *, live: bool
) -> None:
    consent = ("--consent", "demo: spoken agreement")
    if live:
        screen.say("You are enrolled as number 1000: look at the camera and do as it says.")
        you = ("1000", "--name", "You", *consent, "--camera", "--identity", "known")
        # Not through the stage, which would keep its hints to itself.
        subprocess.run(
            [*program("kiosk"), "enrol", *you, "--config", str(stage.config)], check=True
        )
    for person in cast:
        if person.number is None:
            continue
        paths = [folder / f"enrol-{i}.png" for i in range(len(person.enrol))]
        for path, photo in zip(paths, person.enrol, strict=True):
            cv2.imwrite(str(path), photo)
        words = ("--name", person.name, *consent, "--skip-unusable", *map(str, paths))
        answer = stage.ask("kiosk", "enrol", person.number, *words)
        screen.say(f"  enrolled {person.number} {person.name}: {answer['templates']} template(s)")
        for path in paths:
            path.unlink()


def _announce(screen: Screen, titles: Sequence[tuple[float, str]], opened: threading.Event) -> None:
    """Say each scene's title when it begins."""
    opened.wait()
    begin = time.monotonic()
    for at_s, title in titles:
        time.sleep(max(0.0, begin + at_s - time.monotonic()))
        screen.scene(title)


def _wait(kiosk: Running, opened: threading.Event, seconds: float | None) -> None:
    """Until the terminal ends, `seconds` after it opened, or Ctrl-C, which stops the terminal."""
    try:
        if seconds is None:
            kiosk.process.wait()
            return
        while not opened.wait(0.2) and kiosk.process.poll() is None:
            pass
        kiosk.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    except KeyboardInterrupt:
        kiosk.stop()


def _check(stage: Stage, screen: Screen) -> int:
    """Wait until HQ confirmed everything, show the table, compare; the exit code."""
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    punches: list[Line] = stage.ask("kiosk", "punches")
    last = max((p["seq"] for p in punches), default=0)
    while time.monotonic() < deadline:
        punches = [p for p in stage.ask("kiosk", "punches") if p["seq"] <= last]
        if all(p["confirmed"] for p in punches):
            break
        time.sleep(0.5)
    arrived = [p for p in stage.ask("hq", "punches") if p["seq"] <= last]
    screen.table(punches)
    screen.say(f"ledger: {stage.run('kiosk', 'ledger', 'verify').strip()}")
    wanted = [(p["seq"], p["person"], p["time"]) for p in punches]
    got = [(p["seq"], p["person"], p["time"]) for p in arrived]
    if wanted != got or not all(p["confirmed"] for p in punches):
        screen.say(f"[red]headquarters does not have what was punched[/red]: {got} != {wanted}")
        return 1
    screen.say(f"[green]headquarters has exactly the {len(got)} punches of this terminal[/green]")
    return 0


def _how_to_watch(stage: Stage) -> str:
    tls = stage.watcher
    return (
        "\nEverything goes on running; Ctrl-C ends it. To watch from another terminal:\n"
        f"  mosquitto_sub -V 5 -h 127.0.0.1 -p {stage.broker.port} --cafile {tls.ca} "
        f"--cert {tls.certificate} --key {tls.key} -v -t 'kiosk/v1/#'\n"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
