"""Every role with every command, through the check that the commands really run."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from kiosk import callers, guard
from kiosk.callers import GROUPS, Caller, current_caller
from kiosk.cli import cli, exit_code
from kiosk.errors import NotAllowedError
from kiosk.guard import leaves
from kiosk.roles import COMMANDS, ROLE_NAMES, SERVICE_RIGHTS, TABLE, Right, rights_of
from kiosk.roles_page import page
from kiosk.stores import open_stores
from store.errors import OccupiedError
from store.people import Role
from store.records import PersonRoles
from tests.kiosk.made import now, settings_file, terminal

ROOT = Path(__file__).resolve().parents[2]
LEAVES = dict(leaves(cli))
SOMEBODY = Caller(uid=1000)


def allowed(words: str, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the real command goes past its check; a wrong argument then stops it at once."""
    monkeypatch.setattr(guard, "current_caller", lambda: caller)
    command = LEAVES[words]
    assert command.callback is not None
    with click.Context(command), pytest.raises((NotAllowedError, TypeError)) as stopped:
        command.callback(no_such_argument=1)
    if isinstance(stopped.value, TypeError):
        assert "no_such_argument" in str(stopped.value), "it is the command's own refusal"
        return True
    return False


def test_every_command_has_a_right_and_every_right_of_the_table_a_command() -> None:
    assert set(LEAVES) == set(COMMANDS)
    assert set(TABLE) == set(Right)


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_cell_of_the_table(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = COMMANDS[words]
    for role in ROLE_NAMES:
        caller = replace(SOMEBODY, roles=frozenset({role}))
        assert allowed(words, caller, monkeypatch) == (role in TABLE[right]), role
    assert allowed(words, Caller(uid=0), monkeypatch)
    service = replace(SOMEBODY, service=True)
    assert allowed(words, service, monkeypatch) == (right in SERVICE_RIGHTS | rights_of(()))
    assert allowed(words, SOMEBODY, monkeypatch) == ("employee" in TABLE[right])


def test_the_screens_rights_are_the_same_table() -> None:
    for role, right in product(ROLE_NAMES, Right):
        expected = role in TABLE[right] or "employee" in TABLE[right]
        assert (right in rights_of([role])) == expected, (role, right)


def test_several_roles_add_up_and_no_role_leaves_the_employees_rights() -> None:
    both = rights_of(["enroller", "auditor"])
    assert both == rights_of(["enroller"]) | rights_of(["auditor"])
    assert rights_of([]) == {Right.NOTICE, Right.OWN_RECORDS, Right.DISPUTE}


def test_the_store_knows_the_same_roles() -> None:
    assert {"employee", *get_args(Role)} == set(ROLE_NAMES)


def test_a_command_that_is_in_no_table_is_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = replace(SOMEBODY, roles=frozenset(ROLE_NAMES), service=True)
    with pytest.raises(NotAllowedError, match="is root's alone"):
        guard.check("people invented", everything, None)
    guard.check("people invented", Caller(uid=0), None)


def test_a_refusal_says_who_may_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "current_caller", lambda: SOMEBODY)
    done = CliRunner().invoke(cli, ["people", "remove", "1", "--config", "/nowhere.toml"])
    assert isinstance(done.exception, NotAllowedError)
    assert exit_code(done.exception) == 77
    assert str(done.exception) == (
        "`kiosk people remove` is for the groups kiosk-supervisor; nothing was done; root adds a "
        "user with `usermod -aG kiosk-supervisor USER`, who then runs it with `sudo -u kiosk`"
    )
    assert CliRunner().invoke(cli, ["people", "remove", "--help"]).exit_code == 0


def test_without_groups_the_owner_of_the_store_may_and_nobody_else(tmp_path: Path) -> None:
    terminal(tmp_path)
    config = settings_file(tmp_path)
    if os.geteuid() == 0:  # root may everything; another is to own the folder
        os.chown(tmp_path, 1000, -1)
    own = Caller(uid=tmp_path.stat().st_uid, grouped=False)
    guard.check("people list", own, config)
    with pytest.raises(NotAllowedError, match="belongs to another user"):
        guard.check("people list", replace(own, uid=own.uid + 1), config)
    with pytest.raises(NotAllowedError, match="kiosk-supervisor"):
        guard.check("punches", replace(own, grouped=True), config)


def test_without_groups_and_without_a_store_there_is_nothing_to_guard(tmp_path: Path) -> None:
    guard.check("evaluate", Caller(uid=1000, grouped=False), None)
    guard.check("people list", Caller(uid=1000, grouped=False), tmp_path / "none.toml")


def test_settings_of_ones_own_are_not_run_as_another_user(tmp_path: Path) -> None:
    """With them an auditor could have the user kiosk write, open or delete what is not theirs."""
    config = tmp_path / "kiosk.toml"
    config.write_text("")
    if os.geteuid() == 0:
        guard.check("punches", Caller(uid=1001, roles=frozenset({"supervisor"})), config)
        os.chown(config, 1000, -1)
    owner = config.stat().st_uid
    supervisor = Caller(uid=owner + 1, roles=frozenset({"supervisor"}))
    with pytest.raises(NotAllowedError, match="belongs to neither root nor this user"):
        guard.check("punches", supervisor, config)
    guard.check("punches", replace(supervisor, uid=owner), config)


@pytest.mark.parametrize("words", [("notice", "--pdf"), ("ledger", "export")])
def test_a_command_that_hands_out_replaces_no_file(tmp_path: Path, words: tuple[str, ...]) -> None:
    """An auditor, who runs as the user kiosk, could put an export in the ledger's place."""
    with open_stores(terminal(tmp_path)):
        pass
    ledger = tmp_path / "ledger.db"
    before = ledger.read_bytes()
    config = str(settings_file(tmp_path))
    done = CliRunner().invoke(cli, [*words, str(ledger), "--config", config])
    assert isinstance(done.exception, OccupiedError)
    assert ledger.read_bytes() == before


class Machine:
    """Users and groups of a made-up machine, in place of this one's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups = {name: 900 + number for number, name in enumerate(GROUPS)}
        self.members = {1000: [900], 1001: [], 0: [0]}
        monkeypatch.setattr(grp, "getgrall", self._all)
        monkeypatch.setattr(pwd, "getpwnam", lambda _: self._user(500))
        monkeypatch.setattr(pwd, "getpwuid", self._user)
        monkeypatch.setattr(os, "getgrouplist", lambda name, _: self.members[int(name)])
        self._patch = monkeypatch

    def become(self, uid: int, *groups: int) -> None:
        self._patch.setattr(os, "geteuid", lambda: uid)
        self._patch.setattr(os, "getegid", lambda: uid)
        self._patch.setattr(os, "getgroups", lambda: list(groups))

    def _all(self) -> list[grp.struct_group]:
        made = [grp.struct_group((name, "x", gid, [])) for name, gid in self.groups.items()]
        return [*made, grp.struct_group(("video", "x", 44, []))]

    def _user(self, uid: int) -> pwd.struct_passwd:
        if uid not in {500, *self.members}:
            raise KeyError(uid)
        return pwd.struct_passwd((str(uid), "x", uid, uid, "", "/", "/bin/sh"))


def test_the_groups_of_a_user_are_their_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.become(1000, 901, 903, 44)
    assert current_caller({}).roles == {"supervisor", "auditor"}
    machine.become(1000, 44)
    assert current_caller({}) == Caller(uid=1000)
    machine.groups.clear()
    assert not current_caller({}).grouped


def test_through_sudo_as_kiosk_the_one_who_asked_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.become(500, 901)
    assert current_caller({}).service
    asked = current_caller({"SUDO_UID": "1000"})
    assert asked.roles == {"enroller"}
    assert not asked.service
    assert current_caller({"SUDO_UID": "1001"}).rights == rights_of([])
    assert current_caller({"SUDO_UID": "77"}).roles == frozenset(), "who is gone is in no group"
    assert current_caller({"SUDO_UID": "0"}).uid == 0


def test_nobody_gets_a_role_by_setting_sudos_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.become(1001)
    for said in ("0", "1000", "500"):
        assert current_caller({"SUDO_UID": said}) == Caller(uid=1001)


def test_the_page_is_not_stale() -> None:
    assert (ROOT / "docs" / "roles.md").read_text() == page()


def test_the_units_groups_and_sudoers_are_the_tables() -> None:
    made = (ROOT / "systemd" / "kiosk.sysusers").read_text().splitlines()
    assert {line.split()[1] for line in made if line.startswith("g ")} == set(GROUPS)
    assert f"u {callers.SERVICE_USER} " in "\n".join(made)
    sudoers = (ROOT / "systemd" / "kiosk.sudoers").read_text().splitlines()
    [rule] = [line for line in sudoers if line.startswith("%")]
    assert rule.partition(" ALL=")[0] == ", ".join(f"%{group}" for group in GROUPS)


def test_the_services_of_the_user_kiosk_may_what_they_do() -> None:
    started = [
        line.partition("/opt/kiosk/bin/kiosk ")[2].partition(" --")[0]
        for unit in (ROOT / "systemd").glob("*.service")
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=/opt/kiosk/bin/kiosk ")
    ]
    assert {"run", "retention", "backup create"} <= set(started)
    for words in started:
        guard.check(words, Caller(uid=500, service=True), None)


def test_appointing_at_the_command_line(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        stores.gallery.add_person("1", "Name", "en", now())
    config = str(settings_file(tmp_path))
    words = ["people", "role", "1", "supervisor", "enroller", "--config", config]
    assert CliRunner().invoke(cli, words).stdout == "1: enroller, supervisor\n"
    assert CliRunner().invoke(cli, [*words[:3], "--config", config]).stdout == "1: no role\n"
    unknown = CliRunner().invoke(cli, ["people", "role", "1", "admin", "--config", config])
    assert unknown.exit_code == 2
    with open_stores(terminal(tmp_path)) as stores:
        told = [r.content() for r in stores.ledger.records(0, 9) if r.kind == PersonRoles.kind]
    assert [content.body["roles"] for content in told] == [["enroller", "supervisor"], []]
