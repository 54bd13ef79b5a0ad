"""Templates from one terminal to another: only with consent, only where it is on, only newer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.cli import cli
from kiosk.consent import accepted
from kiosk.enrolment import enrol
from kiosk.notices import LANGUAGES
from kiosk.protection import open_protection, reissue
from kiosk.settings import TemplatesSection
from store.errors import ConstraintError, NoConsentError
from store.subject import held
from tests.kiosk.gates import HERE, SITE, Gate, open_gate
from tests.kiosk.made import LIMITS, MODEL, applicant, samples, settings_file
from tests.kiosk.ordered import NOW
from tests.store.made import OTHER_MODEL, vector


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, Gate]]:
    """The same two for all tests, each with somebody else."""
    folder = tmp_path_factory.mktemp("gates")
    with ExitStack() as stack:
        a, b = (stack.enter_context(open_gate(folder / n, f"gate-{n}")) for n in "ab")
        yield a, b


_ones = count(1)


@pytest.fixture
def one() -> str:
    """The number of somebody new."""
    return f"p{next(_ones)}"


def share(a: Gate, b: Gate, one: str, change: int, heard: int = 0) -> dict[str, Any]:
    """Order A to seal for B; the reply."""
    return a.order("share", number=one, receiver=b.name, key=b.key, change=change, heard=heard)


def pass_on(a: Gate, b: Gate, one: str, change: int, heard: int = 0) -> tuple[str, str]:
    """Share from A to B; what B says of it."""
    sealed = share(a, b, one, change, heard)["sealed"]
    return deliver(b, one, change, sealed, a.name, heard)


def deliver(
    b: Gate, one: str, change: int, sealed: str, sender: str = "gate-a", heard: int = 0
) -> tuple[str, str]:
    reply = b.order(
        "template", number=one, sender=sender, change=change, heard=heard, sealed=sealed
    )
    return reply["outcome"], reply["detail"]


def test_who_consented_is_known_at_the_other_terminal_under_its_own_transform(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1, 2)
    assert pass_on(a, b, one, 100) == ("done", "2 templates taken")
    np.testing.assert_allclose(b.templates(one), np.stack([vector(1), vector(2)]), atol=1e-5)
    numbers, stored = b.stores.templates.active(MODEL, [one])
    assert numbers == [one, one]
    of_a = a.stores.templates.active(MODEL, [one])[1]
    assert abs(stored - of_a).max() > 0.01, "each terminal has a transform of its own"
    person = b.stores.gallery.person(one)
    assert person is not None
    assert (person.name, person.language) == (f"Name {one}", "de")
    [consent] = b.stores.gallery.consents(one)
    assert (consent.text_version, consent.text_digest, consent.how) == (
        HERE.text_version,
        HERE.text_digest,
        HERE.how,
    )
    assert [kind for kind, _ in b.told(one)] == ["person_entry", "consent", "templates_received"]
    told = dict(b.told(one))["templates_received"]
    assert (told["sender"], told["change"], told["templates"]) == ("gate-a", 100, 2)
    assert told["text_digest"] == SITE.text_digest
    assert dict(a.told(one))["templates_given"]["receiver"] == "gate-b"


def test_off_by_default_a_terminal_neither_gives_nor_takes(tmp_path: Path, one: str) -> None:
    assert TemplatesSection().share is False
    with (
        open_gate(tmp_path / "a", "gate-a") as a,
        open_gate(tmp_path / "b", "gate-b", share=False) as off,
    ):
        a.enrol(one, 1)
        off.enrol("5", 5)
        assert pass_on(a, off, one, 100) == ("refused", "[templates] share is off here")
        assert off.stores.gallery.person(one) is None
        reply = off.order("share", number="5", receiver="gate-a", key=a.key, change=9, heard=0)
        assert (reply["outcome"], reply["detail"]) == ("refused", "[templates] share is off here")
        assert "sealed" not in reply


def test_nothing_is_given_without_the_consent_for_the_site(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    assert share(a, b, one, 100)["detail"] == "nobody has this number here"
    a.enrol(one, 1, site=False)
    assert share(a, b, one, 101)["outcome"] == "refused"
    a.stores.sharing.agree(one, SITE, NOW)
    assert share(a, b, one, 102)["outcome"] == "done"
    a.stores.sharing.end(one, NOW)
    reply = share(a, b, one, 103)
    assert reply["detail"] == "no consent for the site is in force; `kiosk people share`"
    assert len(a.templates(one)) == 1, "what was enrolled here stays"
    a.stores.sharing.agree(one, SITE, NOW)
    a.stores.register.withdraw(one, NOW)
    a.enrol(one, 1, site=False)
    assert share(a, b, one, 104)["outcome"] == "refused", "a withdrawal ends both consents"


def test_the_consent_for_the_site_is_its_own_and_needs_the_other(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    notices = a.stores.notices
    assert notices.site.digest not in {notices.of(language).digest for language in LANGUAGES}
    a.stores.gallery.add_person(one, "N", "en", NOW)
    with pytest.raises(NoConsentError):
        a.stores.sharing.agree(one, SITE, NOW)
    a.enrol(one, 1)
    assert [kind for kind, _ in a.told(one)] == ["consent", "enrolment", "site_consent"]
    pass_on(a, b, one, 100)
    with pytest.raises(ConstraintError, match="another terminal"):
        b.stores.sharing.agree(one, SITE, NOW)


def test_what_came_from_elsewhere_is_not_given_on(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    pass_on(a, b, one, 100)
    assert share(b, a, one, 101)["outcome"] == "refused"


def test_a_seal_for_another_terminal_person_or_number_is_not_taken(
    gates: tuple[Gate, Gate], tmp_path: Path, one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    sealed = share(a, b, one, 100)["sealed"]
    closed = ("refused", "it does not open with this terminal's key")
    with open_gate(tmp_path / "c", "gate-c") as c:
        assert deliver(c, one, 100, sealed) == closed
    assert deliver(b, one, 101, sealed) == closed
    assert deliver(b, one, 100, sealed, sender="gate-c") == closed
    assert b.stores.gallery.person(one) is None
    assert deliver(b, one, 100, sealed) == ("done", "1 templates taken")


def test_templates_of_another_embedder_are_not_taken(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    b.station.models["embedder"] = OTHER_MODEL
    refused = pass_on(a, b, one, 100)
    b.station.models["embedder"] = MODEL
    assert refused == ("refused", "made by another embedder than the one that runs here")
    assert b.stores.gallery.person(one) is None


def test_an_older_number_than_what_is_here_is_refused(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    older, newer = (share(a, b, one, change)["sealed"] for change in (100, 200))
    assert deliver(b, one, 200, newer)[0] == "done"
    assert deliver(b, one, 100, older) == ("refused", "not newer than what was done here")
    assert deliver(b, one, 200, newer)[0] == "refused", "the same twice"


def test_an_ordered_withdrawal_outruns_what_was_given_before_it(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    sealed = share(a, b, one, 100)["sealed"]
    assert b.order("withdraw", number=one, change=150)["outcome"] == "done"
    assert deliver(b, one, 100, sealed) == ("refused", "not newer than what was done here")
    later = share(a, b, one, 200)["sealed"]
    assert deliver(b, one, 200, later)[0] == "done"
    reply = b.order("withdraw", number=one, change=150)  # the first one, repeated
    assert reply["detail"] == "consented anew and shared since"
    assert len(b.templates(one)) == 1
    assert b.order("erase", number=one, change=205)["detail"] == "1 templates deleted"
    assert b.stores.gallery.person(one) is None


def test_who_withdrew_here_gets_nothing_that_headquarters_gave_without_knowing(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    pass_on(a, b, one, 100)
    heard = b.stores.ledger.head().seq
    b.stores.register.withdraw(one, NOW)
    assert dict(b.told(one))["withdrawal"]["order"] is None
    assert pass_on(a, b, one, 200, heard) == ("refused", "withdrawn here since")
    assert len(b.templates(one)) == 0
    assert pass_on(a, b, one, 300, b.stores.ledger.head().seq)[0] == "done"


def test_an_ordered_withdrawal_is_told_as_one_so_that_it_does_not_come_back(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    pass_on(a, b, one, 100)
    b.order("withdraw", number=one, change=200)
    told = dict(b.told(one))
    assert told["withdrawal"]["order"] == told["deletion"]["order"] == b.ordered


def test_ending_the_sharing_alone_leaves_what_was_enrolled_there(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    pass_on(a, b, one, 100)
    assert b.order("unshare", number=one, change=200)["detail"] == "1 templates deleted"
    assert a.order("unshare", number=one, change=200)["detail"] == "0 templates deleted"
    assert (len(a.templates(one)), len(b.templates(one))) == (1, 0)
    assert dict(b.told(one))["deletion"]["reason"] == "unshared"
    for gate in (a, b):
        assert dict(gate.told(one))["site_consent_withdrawal"]["order"] == gate.ordered


def test_an_enrolment_at_the_other_terminal_replaces_what_came(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    enrol(a.stores, MODEL, applicant(one), samples(77, 0, 1), LIMITS, NOW)
    a.stores.sharing.agree(one, SITE, NOW)
    pass_on(a, b, one, 100)
    assert accepted(b.stores, one), "the notice that they agreed to at A counts at B"
    enrol(b.stores, MODEL, applicant(one), samples(77, 5), LIMITS, NOW)
    np.testing.assert_allclose(b.templates(one)[0], samples(77, 5)[0].embedding, atol=1e-5)
    assert len(b.templates(one)) == 1
    assert pass_on(a, b, one, 200) == ("refused", "enrolled here and not shared yet")
    b.stores.sharing.agree(one, SITE, NOW)
    assert pass_on(b, a, one, 300) == ("done", "1 templates taken"), "the last writer counts"
    assert pass_on(b, a, one, 400)[0] == "done"


def test_a_share_is_the_same_for_every_receiver_and_not_after_a_change(
    gates: tuple[Gate, Gate], one: str
) -> None:
    a, b = gates
    a.enrol(one, 1)
    assert share(a, b, one, 100)["outcome"] == "done"
    assert share(a, b, one, 100)["outcome"] == "done"
    a.enrol(one, 2)
    assert share(a, b, one, 100)["detail"] == "changed since; share again"


def test_a_transform_that_was_changed_meanwhile_is_the_one_that_counts(
    tmp_path: Path, one: str
) -> None:
    with (
        open_gate(tmp_path / "a", "gate-a") as a,
        open_gate(tmp_path / "b", "gate-b") as b,
    ):
        a.enrol(one, 1)
        for gate in (a, b):
            reissue(gate.stores.keys, gate.stores.templates)
        assert pass_on(a, b, one, 100)[0] == "done"
        now = open_protection(b.stores.keys, b.stores.templates)
        _, stored = b.stores.templates.active(MODEL)
        np.testing.assert_allclose(now.remove(stored)[0], vector(1), atol=1e-5)


def test_who_has_left_gets_no_templates(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    b.stores.register.upsert(one, "N", "en", "left", None, NOW)
    outcome, detail = pass_on(a, b, one, 100)
    assert (outcome, detail) == ("refused", "the person has left; make them active first")
    assert len(b.templates(one)) == 0


def test_who_is_blocked_is_not_made_known_elsewhere(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    a.stores.register.block(one, NOW)
    assert share(a, b, one, 100)["detail"] == "the person is blocked here"
    a.stores.register.unblock(one, NOW)
    assert pass_on(a, b, one, 100)[0] == "done"


def test_erasing_leaves_nothing_of_sharing_either(gates: tuple[Gate, Gate], one: str) -> None:
    a, b = gates
    a.enrol(one, 1)
    pass_on(a, b, one, 100)
    for gate in gates:
        gate.order("erase", number=one, change=200)
        assert not any(held(gate.stores.gallery_db, one).values())
    b.order("erase", number=one, change=300)  # nobody any more
    assert not any(held(b.stores.gallery_db, one).values())


def test_removing_somebody_takes_both_consents(gates: tuple[Gate, Gate], one: str) -> None:
    a, _ = gates
    a.enrol(one, 1)
    a.stores.register.remove(one, NOW)
    assert a.stores.sharing.consent(one) is None
    assert a.stores.gallery.consents(one) == []


def test_the_commands_record_the_consent_and_its_end(tmp_path: Path, one: str) -> None:
    with open_gate(tmp_path / "a", "gate-a") as a:
        a.enrol(one, 1, site=False)
    config = settings_file(tmp_path / "a")
    run = CliRunner().invoke(
        cli, ["people", "share", one, "--consent", "signed form 18", "--config", str(config)]
    )
    assert run.exit_code == 0, run.output
    assert run.output == (
        f"{one} consented to sharing; [templates] share is off here, nothing is given\n"
    )
    run = CliRunner().invoke(cli, ["people", "unshare", one, "--config", str(config)])
    assert run.output == f"{one} is shared no more, 0 templates deleted here\n"


def test_both_consents_stand_side_by_side(gates: tuple[Gate, Gate], one: str) -> None:
    a, _ = gates
    a.enrol(one, 1)
    [here] = a.stores.gallery.consents(one)
    site = a.stores.sharing.consent(one)
    assert here.how == HERE.how
    assert site is not None
    assert site[0] == SITE
