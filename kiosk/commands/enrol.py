"""`kiosk enrol`: somebody comes onto this terminal, from photos or guided at the camera."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from kiosk.cameras import open_camera
from kiosk.clock import SystemClock
from kiosk.commands.enrol_screen import Screen
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.enrolment import Applicant, IdentityCheck, Limits, enrol, enroller
from kiosk.enrolment_photos import from_photos
from kiosk.errors import EnrolmentRefusedError
from kiosk.guide import Guide, Newcomer, Progress
from kiosk.notices import Notice
from kiosk.overrides import load
from kiosk.poses import Pose
from kiosk.settings import Settings
from kiosk.stores import Stores, open_stores
from recognizer.errors import ImageError

_READ = "read on the terminal and confirmed"
_OPTIONAL = [pose.value for pose in Pose if pose is not Pose.FRONT]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is printed; `trial` is the trial's score, None where none was made."""

    number: str
    templates: int
    trial: float | None
    by: str | None
    passed_over: list[str]


@click.command("enrol")
@click.argument("number")
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", required=True, help="Display name, shown on this terminal only.")
@click.option(
    "--consent", help='How consent was given on paper, as "signed form 17"; else it is asked here.'
)
@click.option("--witness", help="Number of the person who witnessed the consent.")
@click.option("--language", default="en", show_default=True, help="The person's language.")
@click.option("--by", help="Number of the enroller; needed once somebody has that role.")
@click.option(
    "--identity",
    type=click.Choice(["document", "badge", "known"]),
    help="How it was made sure who the person is; needed with --camera.",
)
@click.option("--camera", is_flag=True, help="Guided, at the terminal's camera.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(_OPTIONAL),
    help="With --camera: a pose that the person cannot take.",
)
@click.option("--skip-unusable", is_flag=True, help="Pass over bad photos while one is good.")
@with_config
@with_json
def enrol_command(
    number: str,
    photos: tuple[Path, ...],
    name: str,
    consent: str | None,
    witness: str | None,
    language: str,
    by: str | None,
    identity: IdentityCheck | None,
    camera: bool,
    without: tuple[str, ...],
    skip_unusable: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Enrol the person with this NUMBER from PHOTOS or, guided, at the camera.

    Ends with a trial identification, or nothing is kept. Ctrl-C ends it, and nothing is kept.
    """
    if camera == bool(photos):
        raise click.UsageError("give photos, or --camera, and not both")
    if camera and identity is None:
        raise click.UsageError("--camera needs --identity: document, badge or known")
    if consent is None and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("--consent says how it was given, where nobody can be asked")
    settings = load(config)
    with open_stores(settings) as stores:
        if camera and identity is not None:
            newcomer = Newcomer(number, name, language, by, witness)
            poses = frozenset(Pose(pose) for pose in without)
            answer = _at_camera(settings, stores, newcomer, identity, consent, poses, as_json)
        else:
            by = enroller(stores.gallery, by)
            how = consent if consent is not None else _ask(stores.notices.of(language))
            applicant = Applicant(number, name, language, how, witness, by, identity)
            answer = _from_photos(settings, stores, applicant, photos, skip_unusable)
    if as_json:
        print_json(asdict(answer))
        return
    for line in answer.passed_over:
        click.echo(f"passed over {line}", err=True)
    count, trial = answer.templates, answer.trial
    ended = "too few photos for a trial" if trial is None else f"identified with {trial:.3f}"
    click.echo(f"{number} enrolled with {count} template{'s' if count > 1 else ''}; {ended}")
    if answer.by is None:
        click.echo("nobody has the role enroller yet: the record names no enroller", err=True)


def _ask(text: Notice) -> str:
    """Show the text and let the person confirm it; raises `EnrolmentRefusedError` when not."""
    click.echo(f"{text.text}\n({text.version})")
    if not click.confirm("The person has read this and agrees"):
        raise EnrolmentRefusedError("no_consent", "no consent, so nothing was done")
    return _READ


def _from_photos(
    settings: Settings,
    stores: Stores,
    applicant: Applicant,
    photos: tuple[Path, ...],
    skip_unusable: bool,
) -> _Answer:
    eyes = open_eyes(settings, camera=False)
    samples, passed_over = from_photos(eyes, photos, skip_unusable=skip_unusable)
    there = stores.templates.count(eyes.model_digest)
    limits = Limits(
        one_person=verification_for(settings, eyes)(1),
        policy=policy_for(settings, eyes)(there + len(samples)),
    )
    now = SystemClock(settings.terminal.zone).now()
    done = enrol(stores, eyes.model_digest, applicant, samples, limits, now)
    return _Answer(applicant.number, done.templates, done.trial, applicant.by, passed_over)


def _at_camera(
    settings: Settings,
    stores: Stores,
    newcomer: Newcomer,
    identity: IdentityCheck,
    consent: str | None,
    without: frozenset[Pose],
    as_json: bool,
) -> _Answer:
    eyes = open_eyes(settings)
    guide = Guide(
        settings,
        stores,
        eyes.model_digest,
        policy_for(settings, eyes),
        verification_for(settings, eyes)(1),
        SystemClock(settings.terminal.zone),
        newcomer,
        without=without,
    )
    guide.agree(guide.text.version, consent if consent is not None else _ask(guide.text))
    guide.identified(identity)
    source = open_camera(settings.camera)
    try:
        with Screen(quiet=as_json) as screen:
            for frame in source.frames():
                try:
                    look = eyes.look(frame.image, frame.at_s)
                except ImageError:  # shows nobody; a camera that gives none runs out
                    continue
                progress = guide.see(look, frame.at_s)
                screen.show(progress)
                if progress.ended:
                    break
    except KeyboardInterrupt:
        raise EnrolmentRefusedError("cancelled", "cancelled, nothing is kept") from None
    finally:
        guide.cancel()
        source.close()
    done = _done(guide.progress)
    return _Answer(newcomer.number, done.templates, done.trial, guide.by, [])


def _done(progress: Progress) -> Progress:
    if progress.refusal is not None:
        raise EnrolmentRefusedError(progress.refusal.reason, progress.refusal.message)
    if progress.trial is None:
        raise EnrolmentRefusedError(
            "camera_ended", f"the camera ended after {progress.frames} good frames; nothing is kept"
        )
    return progress
