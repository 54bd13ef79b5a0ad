"""One door, put together from its parts; `kiosk run` gives the real ones, tests their own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kiosk.clock import Clock
from kiosk.counter import Office
from kiosk.daemon import Door
from kiosk.enrolling import Enrolling
from kiosk.indicators import Indicator
from kiosk.overrides import Overrides
from kiosk.panel import Panel
from kiosk.patterns import changed
from kiosk.performing import Performer
from kiosk.punching import PunchRules, Window
from kiosk.reception import Reception
from kiosk.screen.view import NoScreen, Screen
from kiosk.settings import DAYS, Settings
from kiosk.sight import Sight
from kiosk.station import Station
from kiosk.stores import Stores
from kiosk.viewing import Viewer
from kiosk.visit import Rules, When
from kiosk.watchman import Watchman
from recognizer.challenge import ChallengeLimits
from recognizer.decision import DecisionPolicy
from recognizer.pipeline import Recognizer
from store.machine import Health
from store.supervisor import Supervisor

_NOTICE_S = 90.0  # the notice has some 300 words, and people read 200 to 250 a minute
_NO_SCREEN_S = 3.0  # nobody can accept it here: once through the signal, and the next one


def assemble(
    settings: Settings,
    stores: Stores,
    eyes: Recognizer | None,
    policy_for: Callable[[int], DecisionPolicy] | None,
    verification_for: Callable[[int], float] | None,
    indicator: Indicator,
    panel: Panel,
    clock: Clock,
    stopping: threading.Event,
    station: Station | None = None,
    health: Callable[[], Health] | None = None,
    screen: Screen | None = None,
    supervisor: Supervisor | None = None,
) -> Door:
    """The door of one terminal; `eyes` is None where there is nothing to recognise with.

    `panel` has all that people can touch, the screen too. `policy_for` and `verification_for` as
    for `kiosk.sight`; `health` is how the machine is, now; without it this machine is looked at.
    """
    watchman = Watchman(settings, stores, health, lambda: panel.lost)
    sight = enrolling = None
    if eyes is not None and policy_for is not None and verification_for is not None:
        sight = Sight(settings, stores, eyes, policy_for, verification_for, clock, watchman)
        enrolling = Enrolling(settings, stores, sight, policy_for, verification_for, clock)
    rules = rules_of(settings, ask_badge=panel.identifies)
    office = Office(settings, stores, clock, enrolling)
    performer = Performer(
        stores,
        indicator,
        clock,
        watchman,
        sight,
        changed(settings.indicators.patterns),
        punch_rules(settings),
        office,
    )
    return Door(
        stores,
        rules,
        sight,
        panel,
        Reception(stores, clock, sight.knows if sight else lambda _: False).event,
        performer,
        watchman,
        station or Station(settings, Overrides(settings)),
        clock,
        stopping,
        screen or NoScreen(),
        Viewer(settings, stores, office, rules) if settings.screen.enabled else None,
        supervisor or Supervisor(),
    )


def punch_rules(settings: Settings) -> PunchRules:
    """What makes a punch an in or an out, as the settings have it."""
    p = settings.punches
    windows = [
        Window(w.start, w.end, w.direction, frozenset(DAYS.index(day) for day in w.days))
        for w in p.schedule
    ]
    return PunchRules(
        mode=p.mode,
        fixed=p.fixed,
        windows=tuple(windows),
        required=p.required,
        repeat_s=settings.decision.repeat_s,
        longest_s=p.longest_h * 3600,
    )


def rules_of(settings: Settings, *, ask_badge: bool) -> Rules:
    """The state machine's rules, as the settings have them."""
    d, p = settings.decision, settings.punches
    return Rules(
        patience_s=d.patience_s,
        gone_s=d.gone_s,
        show_s=d.show_s,
        retry_s=d.retry_s,
        choose_s=p.choose_s,
        undo_s=p.undo_s,
        notice_s=_NOTICE_S if settings.screen.enabled else _NO_SCREEN_S,
        ask_badge=ask_badge,
        challenge=When(settings.pad.challenge),
        low_live=settings.pad.challenge_low_live,
        low_score=settings.pad.challenge_low_score,
        limits=ChallengeLimits(time_s=settings.pad.challenge_s),
    )
