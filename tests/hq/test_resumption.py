"""A terminal that lost its ledger goes on, and headquarters with it: nothing twice or hidden."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.chain import EARLY_LIMIT, Link, join
from hq.punches import Punches
from hq.reports import Reader, alarm_lines
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings, load
from kiosk.station import Station
from kiosk.stores import Stores, open_stores, recover_stores
from store.chain import record_hash, sign_record
from store.records import Checkpoint, Instant, Punch, Record, Resumption, renumber_payload
from sync.contract.events import build_batch, parse_batch
from sync.contract.verify import START, CheckedEvent, Head, Place, check_event, place
from tests.hq.made import Office
from tests.hq.plant import Plant
from tests.sync.made import GATE_A, GATE_A_KEY, chain, head_of, instant, next_record, until

OLD = chain(30)
SKIPPED = 10_000


def resumption(after: Head, held: Head, seq: int) -> Record:
    body = Resumption(
        after_seq=after.seq,
        after_hash=after.hash.hex(),
        held_seq=held.seq,
        held_hash=held.hash.hex(),
        reason="damaged",
    )
    return next_record(Head(seq - 1, after.hash), body)


def resumed(after: Head, held: Head = START, lost: list[Record] | None = None) -> list[Record]:
    """What a terminal sends after a resumption: itself, and `lost` again, and something new."""
    records = [resumption(after, held, 30 + SKIPPED)]
    for record in lost or []:
        head = head_of(records)
        payload = renumber_payload(record, head.seq + 1)
        hash_ = record_hash(head.hash, payload)
        signature = sign_record(GATE_A_KEY, hash_)
        records.append(
            Record(head.seq + 1, record.id, record.kind, payload, head.hash, hash_, signature)
        )
    return records + chain(3, head_of(records))


def checked(records: list[Record]) -> list[CheckedEvent]:
    raw = build_batch(records, max_records=1000)[0]
    return [check_event(GATE_A, GATE_A_KEY.public_key(), event) for event in parse_batch(raw)]


def test_headquarters_goes_on_behind_a_resumption(office: Office) -> None:
    office.take(OLD[:20])
    new = resumed(head_of(OLD[:20]))
    assert office.take(new).head == head_of(new)
    assert office.seqs() == [r.seq for r in (*OLD[:20], *new)]
    (alarm,) = alarm_lines(office.database)
    assert (alarm["what"], alarm["seq"]) == ("skipped", 21)
    assert alarm["evidence"] == f"{new[0].seq - 1} damaged"


def test_what_it_had_already_counts_once(office: Office) -> None:
    """The receipt for 20 was lost with the ledger, so the terminal tells 11 to 20 again."""
    office.take(OLD[:20])
    new = resumed(head_of(OLD[:10]), lost=OLD[10:25])
    assert office.take(new).head == head_of(new)
    punches = [line["id"] for line in Punches(office.database).read()]
    assert len(punches) == len(set(punches))
    assert set(punches) == {r.id for r in (*OLD[:25], *new[-3:])}
    every = [(line["seq"], line["repeats"]) for line in Reader(office.database).read()]
    assert (new[1].seq, 11) in every
    assert (new[11].seq, None) in every  # 21 had not arrived


def test_what_comes_late_is_kept_and_counts_once(office: Office) -> None:
    office.take(OLD[:20])
    new = resumed(head_of(OLD[:20]), lost=OLD[20:25])
    office.take(new)
    assert office.take(OLD[20:28]).head == head_of(new)  # they were on the way all the time
    punches = [line["id"] for line in Punches(office.database).read()]
    assert len(punches) == len(set(punches))
    assert set(punches) == {r.id for r in (*OLD[:28], *new[-3:])}


def test_records_that_the_terminal_still_has_come_first(office: Office) -> None:
    """Headquarters lost everything; the terminal restored a backup of 20 and resumed behind 30."""
    new = resumed(head_of(OLD), held=head_of(OLD[:20]))
    assert office.take(new).head == START
    assert office.take(OLD[:20]).head == head_of(OLD[:20])
    assert office.take(new).head == head_of(new)


def test_a_resumption_that_waited_for_what_it_held_is_stored_once(office: Office) -> None:
    """Found by `./scripts/fuzz`: near enough to be kept early, it comes again when it joins."""
    near = resumption(head_of(OLD[:5]), head_of(OLD[:5]), 22)
    assert office.take([near]).head == START
    assert office.take(OLD[:5]).head == head_of(OLD[:5])
    assert office.take([near]).head == head_of([near])
    assert office.seqs() == [1, 2, 3, 4, 5, 22]
    assert [alarm[0] for alarm in office.alarms()] == ["skipped"]


def test_a_resumption_does_not_take_the_place_of_another_that_waits(office: Office) -> None:
    near = resumption(head_of(OLD[:5]), head_of(OLD[:5]), 22)
    other = resumption(head_of(OLD[:5]), head_of(OLD[:4]), 22)
    office.take([near])
    office.take(OLD[:5])
    assert office.take([other]).head == head_of(OLD[:5])
    assert [alarm[:2] for alarm in office.alarms()] == [("fork", 22)]
    assert office.take([near]).head == head_of([near])


def test_a_resumption_behind_another_record_than_ours_is_a_fork(office: Office) -> None:
    office.take(OLD[:20])
    other = resumed(Head(20, b"\x01" * 32))
    assert office.take(other).head == head_of(OLD[:20])
    assert office.alarms() == [("fork", other[0].seq, 1)]
    assert office.take(resumed(head_of(OLD[:20]))).seq > SKIPPED  # the true one goes on


def test_a_resumption_behind_another_pruned_record_than_ours_is_a_fork(office: Office) -> None:
    """The head came from a checkpoint: its record is not in the store, its hash is known."""
    office.take([next_record(head_of(OLD), Checkpoint(seq=20, hash=OLD[19].hash.hex()))])
    other = resumed(Head(20, b"\x01" * 32))
    assert office.take(other).head == head_of(OLD[:20])
    assert ("fork", other[0].seq, 1) in office.alarms()


def test_a_checkpoint_tells_that_lost_records_were_pruned(office: Office) -> None:
    """Headquarters lost its database, the terminal has pruned: the chain goes on behind."""
    body = Checkpoint(seq=20, hash=OLD[19].hash.hex())
    end = next_record(head_of(OLD), body)
    assert office.take([end]).head == head_of(OLD[:20])
    assert office.take([*OLD[20:], end]).head == head_of([end])
    assert office.seqs() == list(range(21, 32))
    assert [a["evidence"] for a in alarm_lines(office.database)] == ["20 pruned"]


def test_a_checkpoint_in_its_place_changes_nothing(office: Office) -> None:
    office.take(OLD)
    end = next_record(head_of(OLD), Checkpoint(seq=20, hash=OLD[19].hash.hex()))
    assert office.take([end]).head == head_of([end])
    assert alarm_lines(office.database) == []


def test_a_consumer_sees_a_resumption_as_the_next_record() -> None:
    (event,) = checked([resumption(head_of(OLD[:20]), START, SKIPPED)])
    assert place(head_of(OLD[:20]), event) is Place.NEXT
    assert place(Head(SKIPPED + 1, b""), event) is Place.KNOWN
    assert place(Head(20, b"\x01" * 32), event) is Place.FORK
    body = Resumption.model_validate(json.loads(event.payload)["body"] | {"after_hash": "00" * 32})
    (odd,) = checked([next_record(Head(SKIPPED - 1, OLD[19].hash), body)])
    assert place(head_of(OLD[:20]), odd) is Place.GAP  # it does not follow what it says
    (held,) = checked([resumption(head_of(OLD[:20]), head_of(OLD[:10]), SKIPPED)])
    assert place(head_of(OLD[:9]), held) is Place.GAP


@given(st.data(), st.integers(0, 30), st.integers(0, 30))
def test_any_order_and_repetition_gives_the_same_end(
    data: st.DataObject, confirmed: int, had: int
) -> None:
    """Old records in flight, the resumption, new ones: whatever comes first, all are kept."""
    receipt = head_of(OLD[:confirmed])
    new = resumed(receipt, lost=OLD[confirmed:])
    sent = checked([*OLD[:had], *new])
    rows = {event.seq: event for event in checked(OLD[:confirmed])}
    head = receipt
    order = data.draw(st.permutations(range(len(sent))))
    for index in [*order, *range(len(sent))]:
        event = sent[index]
        named = (event.seq, receipt.seq)
        stored = {seq: rows[seq].hash for seq in named if seq in rows}
        early = {s: Link(r.previous, r.hash) for s, r in rows.items() if s > head.seq}
        outcome = join(head, [event], stored, early)
        assert outcome.fork is None
        assert outcome.head.seq >= head.seq
        head = outcome.head
        rows.update({fresh.seq: fresh for fresh in outcome.fresh})
    assert head == head_of(new)
    assert {r.id for r in (*OLD[:had], *new)} <= {row.id for row in rows.values()}
    assert EARLY_LIMIT >= SKIPPED


class Terminal:
    """kiosk, played by the test with its own code, on the plant's folder."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.punches: list[str] = []
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = load(self.plant.folder / "kiosk.toml")
        return self._settings

    @property
    def station(self) -> Station:
        return Station(self.settings, Overrides(self.settings))

    def punch(self, stores: Stores, count: int) -> None:
        for _ in range(count):
            record = stores.ledger.append(Punch(person="1", method="face"), now())
            self.punches.append(record.id)

    def start(self) -> None:
        recover_stores(self.settings, now())

    def work_until_delivered(self) -> None:
        with open_stores(self.settings) as stores:

            def delivered() -> bool:
                obey(stores, self.station, now())
                head = stores.ledger.head()
                arrived = self.plant.status().get("confirmed") == head.seq
                return arrived and stores.ledger.provisional() is None

            until(delivered, "headquarters and terminal agree", 45)
            stores.ledger.verify(stores.signer.public_key())

    def counted(self) -> list[str]:
        return [line["id"] for line in Punches(self.plant.database).read()]


def now() -> Instant:
    return instant(datetime.now(UTC))


@pytest.mark.slow
@pytest.mark.parametrize("broker_forgets", [False, True])
def test_a_destroyed_ledger_loses_nothing_that_was_sent(plant: Plant, broker_forgets: bool) -> None:
    terminal = Terminal(plant)
    plant.start_hq()
    plant.start_sync()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 50)
    terminal.work_until_delivered()
    path = plant.folder / "data" / "ledger.db"
    path.write_bytes(b"\xff" * path.stat().st_size)
    terminal.start()
    if broker_forgets:  # no receipt is kept there: the terminal asks for one
        plant.broker.stop()
        plant.broker.forget()
        plant.broker.start()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 5)  # at once, before headquarters has said anything
    terminal.work_until_delivered()
    assert sorted(terminal.counted()) == sorted(terminal.punches)
    assert {what for what, _ in plant.alarms()} == {"skipped"}


@pytest.mark.slow
def test_a_card_put_back_to_an_old_state_goes_on(plant: Plant) -> None:
    """The whole folder is old, mark and all: only headquarters' receipt shows it."""
    terminal = Terminal(plant)
    plant.start_hq()
    sync = plant.start_sync()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 20)
    terminal.work_until_delivered()
    sync.stop()
    shutil.copytree(plant.folder / "data", plant.folder / "old")
    sync = plant.start_sync()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 20)
    terminal.work_until_delivered()
    sync.stop()
    shutil.rmtree(plant.folder / "data")
    (plant.folder / "old").rename(plant.folder / "data")
    terminal.start()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 7)  # under numbers that were used before
    plant.start_sync()
    terminal.work_until_delivered()
    assert sorted(terminal.counted()) == sorted(terminal.punches)
    with open_stores(terminal.settings) as stores:
        faults = [
            record.content().body["code"]
            for record in stores.ledger.records(0, 10_000)
            if record.kind == "fault"
        ]
    assert faults == ["ledger_diverged"]


@pytest.mark.slow
def test_a_headquarters_that_lost_what_was_pruned_goes_on_behind_it(plant: Plant) -> None:
    hq = plant.start_hq()
    plant.start_sync()
    plant.punch(60)
    plant.until_delivered()
    head = plant.ledger.head()
    plant.ledger.prune(40, head, now())
    plant.until_delivered_from(41)
    hq.stop()
    plant.lose_database()
    plant.start_hq()
    plant.until_delivered_from(41)
    assert plant.alarms() == [("skipped", 1)]
    assert json.dumps(plant.status())  # and the terminal has said so
