"""One module that knows what each type of command does. `kiosk.orders` says when, and only once.

An executor returns an `Outcome`; what it changed outside of the ledger carries the command's number
with it. It raises only what may pass (a busy or full disk), and the command is then tried again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from kiosk.confirmed import confirmed_head
from kiosk.errors import NotSharedError, SealError
from kiosk.judgement import answer_records, correction_records
from kiosk.overrides import State, digest
from kiosk.sharing import receive, share
from kiosk.station import Station
from kiosk.stores import Stores
from store.errors import (
    ConstraintError,
    DocumentError,
    InvalidValueError,
    SettingsError,
    UnknownPersonError,
)
from store.last_order import Done
from store.orders import (
    ORDERS,
    Arguments,
    Configure,
    Ending,
    GiveAnswer,
    InstallCertificate,
    MakeCorrection,
    OnePerson,
    Replay,
    Share,
    Template,
    UpsertEmployee,
)
from store.own_records import OwnRecords
from store.records import Body, Configuration, Instant
from store.renewal import Renewal
from store.retention import Retention

_MAX_DETAIL = 1000  # characters, as in the contract
_FAULTS_AMONG = 1000  # the newest records that diagnostics count faults in


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: "done" or "refused", a detail that names nobody, and what follows.

    `records` go into the ledger with it, `restart` is why the daemon is to be started again,
    `replay_from` the record that sync is to go back to, `renew` an order for sync's TLS key,
    `sealed` goes with the reply and is for another terminal.
    """

    word: str
    detail: str = ""
    records: tuple[Body, ...] = ()
    restart: str | None = None
    replay_from: int | None = None
    renew: bool = False
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    stores: Stores
    station: Station
    number: int
    now: Instant


def execute(
    stores: Stores,
    station: Station,
    number: int,
    type: str,
    arguments: Mapping[str, object],
    now: Instant,
) -> Outcome:
    """Carry out the command of that number, outside of any ledger transaction."""
    model, executor = ORDERS.get(type), _EXECUTORS.get(type)
    if model is None or executor is None:
        return Outcome("refused", "unknown type")
    try:
        checked = model.model_validate(arguments)
    except (ValidationError, RecursionError):
        return Outcome("refused", "malformed arguments")
    return executor(_Task(stores, station, number, now), checked)


def finished(stores: Stores, station: Station, number: int, type: str) -> Outcome | None:
    """What an earlier try, cut off before the ledger's part, has done; None when there is none."""
    last = stores.last_order.get()
    if last is not None and last.number == number:
        return Outcome(last.outcome, last.detail)
    state = station.overrides.state
    if state.number == number and type in ("configure", "rollback_configuration"):
        return _configured(station, state, type)
    return None


def _gallery(change: Callable[[_Task, Arguments], str]) -> Callable[[_Task, Arguments], Outcome]:
    """Let `change` and the note that it is done be one transaction of the gallery."""

    def executor(task: _Task, arguments: Arguments) -> Outcome:
        stores = task.stores
        try:
            with stores.register.together():
                detail = change(task, arguments)
                stores.last_order.put(Done(task.number, "done", detail))
        except (ConstraintError, InvalidValueError, NotSharedError, SealError) as error:
            return Outcome("refused", str(error))
        except UnknownPersonError:
            return Outcome("refused", "nobody has this number here")
        return Outcome("done", detail)

    return executor


def _upsert(task: _Task, arguments: Arguments) -> str:
    if not isinstance(arguments, UpsertEmployee):
        raise TypeError("not an upsert's arguments")
    a = arguments
    register = task.stores.register
    new = register.upsert(a.number, a.name, a.language, a.status, a.keep_until, task.now)
    if a.status != "left":  # who has left has neither
        if a.badges is not None:
            key = task.stores.badge_key
            register.set_badges(a.number, [key.badge(code) for code in a.badges], task.now)
        if a.pin_hash:
            register.set_pin(a.number, a.pin_hash, task.now)
        elif a.pin_hash is not None:
            register.remove_pin(a.number, task.now)
    return "added" if new else "changed"


def _block(task: _Task, arguments: Arguments) -> str:
    task.stores.register.block(_number(arguments), task.now)
    return ""


def _withdraw(task: _Task, arguments: Arguments) -> str:
    return _ended(task, arguments, partial(task.stores.register.withdraw, order=task.number))


def _erase(task: _Task, arguments: Arguments) -> str:
    detail = _ended(task, arguments, partial(task.stores.register.remove, order=task.number))
    task.stores.sharing.forget(_number(arguments))
    return detail


def _unshare(task: _Task, arguments: Arguments) -> str:
    return _ended(task, arguments, partial(task.stores.sharing.end, order=task.number))


def _ended(task: _Task, arguments: Arguments, end: Callable[[str, Instant], int]) -> str:
    """Done also when nobody has the number: headquarters repeats it until it is answered."""
    if not isinstance(arguments, Ending):
        raise TypeError("not the arguments of an end")
    number = arguments.number
    try:
        sharing = task.station.settings.templates.share
        if sharing and task.stores.sharing.passed_by(number, arguments.change or task.number):
            return "consented anew and shared since"
        return f"{end(number, task.now)} templates deleted"
    except UnknownPersonError:
        return "nobody has this number here"


def _share(task: _Task, arguments: Arguments) -> Outcome:
    if not isinstance(arguments, Share):
        raise TypeError("not a share's arguments")
    try:
        sealed, record = share(task.stores, task.station, arguments)
    except (NotSharedError, SealError) as error:
        return Outcome("refused", str(error))
    return Outcome("done", f"{record.templates} templates sealed", (record,), sealed=sealed)


def _template(task: _Task, arguments: Arguments) -> str:
    if not isinstance(arguments, Template):
        raise TypeError("not a template's arguments")
    return f"{receive(task.stores, task.station, arguments, task.now)} templates taken"


def _number(arguments: Arguments) -> str:
    if not isinstance(arguments, OnePerson):
        raise TypeError("not one person's arguments")
    return arguments.number


def _configure(task: _Task, arguments: Arguments) -> Outcome:
    if not isinstance(arguments, Configure):
        raise TypeError("not a configuration's arguments")
    overrides = task.station.overrides
    try:
        overrides.merged(arguments.settings)
    except SettingsError as error:
        return Outcome("refused", "; ".join(error.mistakes)[:_MAX_DETAIL])
    overrides.put(task.number, arguments.settings)
    return _configured(task.station, overrides.state, "configure")


def _roll_back(task: _Task, _: Arguments) -> Outcome:
    overrides = task.station.overrides
    try:
        overrides.merged(overrides.state.previous)
    except SettingsError as error:
        return Outcome("refused", "; ".join(error.mistakes)[:_MAX_DETAIL])
    overrides.roll_back(task.number)
    return _configured(task.station, overrides.state, "rollback_configuration")


def _configured(station: Station, state: State, type: str) -> Outcome:
    keys = station.overrides.changed(state.previous, state.text)
    why = "ordered" if type == "configure" else "rolled back"
    record = Configuration(
        before=digest(state.previous), after=digest(state.text), keys=keys, why=why
    )
    return Outcome("done", f"{len(keys)} settings differ", (record,), restart="configuration")


def _replay(_: _Task, arguments: Arguments) -> Outcome:
    if not isinstance(arguments, Replay):
        raise TypeError("not a replay's arguments")
    return Outcome("done", f"from {arguments.from_seq}", replay_from=arguments.from_seq)


def _purge(task: _Task, _: Arguments) -> Outcome:
    stores, station = task.stores, task.station
    policies = station.settings.retention.policies()
    job = Retention(stores.gallery, stores.register, stores.ledger, policies)
    try:
        confirmed = confirmed_head(stores, station.settings.terminal)
    except DocumentError:
        confirmed = None  # not HQ's word: nothing that is not delivered goes
    plan = job.carry_out(confirmed, task.now)
    if not plan.trusted:
        return Outcome("refused", "the clock is not synchronised: nothing is deleted by age")
    return Outcome(
        "done",
        f"{plan.punches} punches, {plan.audit} other records, {len(plan.consents)} consents, "
        f"{len(plan.people)} people, templates of {len(plan.leaving)}",
    )


def _diagnostics(task: _Task, _: Arguments) -> Outcome:
    """Versions, digests and counts; nothing of it is about anybody."""
    stores, station = task.stores, task.station
    head = stores.ledger.head()
    newest = stores.ledger.records(max(0, head.seq - _FAULTS_AMONG), _FAULTS_AMONG)
    faults = Counter(
        str(record.content().body["code"])[:32] for record in newest if record.kind == "fault"
    )
    state = station.overrides.state
    facts = {
        "version": station.version,
        "models": {use: digest_[:16] for use, digest_ in station.models.items()},
        "people": len(stores.templates.numbers()),
        "templates": sum(person.templates for person in stores.gallery.people()),
        "head": head.seq,
        "hash": head.hash.hex()[:16],
        "pruned": stores.ledger.pruned(),
        "disk_free_mb": shutil.disk_usage(station.settings.store.directory).free // 1_000_000,
        "settings": station.settings_digest[:16],
        "overrides": digest(state.text)[:16],
        "trial": state.trial,
        "faults": dict(faults.most_common(6)),
        "refused": dict(station.refused),
    }
    return Outcome("done", json.dumps(facts, separators=(",", ":"))[:_MAX_DETAIL])


def _reboot(_: _Task, __: Arguments) -> Outcome:
    return Outcome("done", restart="ordered")


def _ping(_: _Task, __: Arguments) -> Outcome:
    return Outcome("done")


def _rotate_certificate(_: _Task, __: Arguments) -> Outcome:
    return Outcome("done", "asked for", renew=True)


def _install_certificate(task: _Task, arguments: Arguments) -> Outcome:
    """Hand it to sync, which has the key; a `certificate_rotated` record says what comes of it."""
    if not isinstance(arguments, InstallCertificate):
        raise TypeError("not a certificate's arguments")
    if not Renewal(task.stores.ledger_db).bring(arguments.certificate):
        return Outcome("refused", "no key waits for a certificate; rotate_certificate asks for one")
    return Outcome("done", "passed on")


def _answer(task: _Task, arguments: Arguments) -> Outcome:
    if not isinstance(arguments, GiveAnswer):
        raise TypeError("not an answer's arguments")
    return _decided(answer_records(OwnRecords(task.stores.ledger_db), arguments))


def _correct(task: _Task, arguments: Arguments) -> Outcome:
    if not isinstance(arguments, MakeCorrection):
        raise TypeError("not a correction's arguments")
    return _decided(correction_records(OwnRecords(task.stores.ledger_db), arguments))


def _decided(found: tuple[Body, ...] | str) -> Outcome:
    if isinstance(found, str):
        return Outcome("refused", found)
    return Outcome("done", " and ".join(body.kind for body in found), found)


_EXECUTORS: Mapping[str, Callable[[_Task, Arguments], Outcome]] = {
    "upsert_employee": _gallery(_upsert),
    "block": _gallery(_block),
    "withdraw": _gallery(_withdraw),
    "erase": _gallery(_erase),
    "share": _share,
    "template": _gallery(_template),
    "unshare": _gallery(_unshare),
    "configure": _configure,
    "rollback_configuration": _roll_back,
    "replay": _replay,
    "purge": _purge,
    "diagnostics": _diagnostics,
    "reboot_daemon": _reboot,
    "ping": _ping,
    "rotate_certificate": _rotate_certificate,
    "install_certificate": _install_certificate,
    "answer": _answer,
    "correct": _correct,
}
