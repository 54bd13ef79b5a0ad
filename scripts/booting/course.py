"""What the units go through, step by step; each step raises when it does not hold.

A punch counts as kept when it is in the ledger that `kiosk ledger verify` checks, and as delivered
when headquarters' own list has its record.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import cv2

from booting.install import SITE, TERMINAL
from booting.machine import Machine, MachineError
from morning.cast import Person, portrait
from store.logs import message_id

KIOSK, SYNC = "kiosk.service", "kiosk-sync.service"
_PROGRAM = "/opt/kiosk/bin/kiosk"
_HQ = "/opt/kiosk/bin/kiosk-hq"
_CONFIG = ("--config", "/etc/kiosk/kiosk.toml")
_HQ_CONFIG = ("--config", "/srv/hq/hq.toml")
_READY = message_id("kiosk", "ready")


class Course:
    """The steps, in the order of `steps`."""

    def __init__(self, machine: Machine, people: list[Person]) -> None:
        self._m = machine
        self._people = people

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """What is shown, and what shows it; a step answers with what it measured."""
        return [
            ("users, groups, sealed keys, people", self.prepare),
            ("both units start and say that they are ready", self.start),
            ("punches are written and delivered", self.deliver),
            ("the sandbox is there", self.sandbox),
            ("the page is served through the handed-over socket", self.page),
            ("the journal has stable ids and nothing personal", self.journal),
            ("SIGUSR1 turns detail on and off", self.detail),
            ("stopped, they end in order; started, they go on", self.stop_and_start),
            ("killed with SIGKILL, they come back and nothing is lost", self.kill),
            ("frozen with SIGSTOP, the watchdog starts them again", self.freeze),
            ("without a network punches go on, and are delivered later", self.pull_network),
            ("after too many failures it is started again after a pause", self.fail),
            ("the daily jobs run", self.daily),
        ]

    def prepare(self) -> str:
        """Everything that a technician does before the first start."""
        m = self._m
        m.run("systemd-sysusers")
        m.run("chown", "-R", "root:kiosk", "/etc/kiosk")
        m.run("sh", "-c", "cd /etc/kiosk/tls && chmod 755 . && chmod 644 *.pem && chmod 640 *.key")
        m.run("install", "-d", "-o", "kiosk", "-g", "kiosk", "-m", "770", "/var/lib/kiosk")
        m.run("install", "-d", "-o", "kiosk", "-g", "kiosk", "-m", "700", "/run/kiosk-keys")
        m.run(_HQ, "keys", "create", "/srv/hq/keys")
        m.run("install", "-m", "644", "/srv/hq/keys/hq.pub", "/etc/kiosk/hq.pub")
        m.run(_PROGRAM, "keys", "create", *_CONFIG)
        words = (SITE, TERMINAL, "/run/kiosk-keys/signing.pub", *_HQ_CONFIG)
        m.run(_HQ, "terminals", "add", *words)
        m.run(_PROGRAM, "keys", "seal", "/etc/kiosk/sealed", *_CONFIG)
        for person in self._people:
            photo = m.root / "root" / "photo.png"
            cv2.imwrite(str(photo), portrait(person.walks[0]))
            who = ("--name", person.name, "--consent", "test", "/root/photo.png")
            m.run(_PROGRAM, "enrol", str(person.number), *who, *_CONFIG)
            photo.unlink()
        m.run("sh", "-c", "chown -R kiosk:kiosk /var/lib/kiosk; chmod g+rw /var/lib/kiosk/*.db*")
        m.run("cp", "-a", "/run/kiosk-keys", "/root/keys")  # for the commands by hand below
        m.run("rm", "-r", "/run/kiosk-keys")
        m.run("systemctl", "daemon-reload")
        return f"{len(self._people)} people"

    def start(self) -> str:
        """`systemctl start` of a Type=notify unit returns when the unit has said READY=1."""
        m = self._m
        m.run("systemctl", "start", "test-broker", "test-hq", "kiosk-screen.socket")
        m.run("systemctl", "start", KIOSK, SYNC)
        for unit in (KIOSK, SYNC):
            _require(m.show(unit, "ActiveState") == "active", f"{unit} is not active")
            _require(m.show(unit, "Type") == "notify", f"{unit} is of another type")
        return ""

    def deliver(self) -> str:
        """Two punches at headquarters."""
        took = self._m.until("two punches delivered", lambda: self._delivered() >= 2, 90.0)
        peaks = ", ".join(f"{unit} at most {self._peak(unit)} MB" for unit in (KIOSK, SYNC))
        return f"after {took:.0f} s; {self._verify()} records verify; {peaks}"

    def sandbox(self) -> str:
        """What can be seen from outside of a process in its sandbox."""
        for unit in (KIOSK, SYNC):
            status = self._m.run("cat", f"/proc/{self._pid(unit)}/status")
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            _require(fields["Seccomp"].strip() == "2", f"{unit}: no system-call filter")
            _require(fields["NoNewPrivs"].strip() == "1", f"{unit}: may gain privileges")
            _require(int(fields["CapBnd"], 16) == 0, f"{unit}: has capabilities")
        inside = ("nsenter", "-t", self._pid(KIOSK), "-n", "-m")
        links = self._m.run(*inside, "ip", "-o", "link").splitlines()
        _require(len(links) == 1 and ": lo:" in links[0], f"kiosk sees {links}")
        of_sync = ("nsenter", "-t", self._pid(SYNC), "-m")
        sizes = self._m.run(*of_sync, "stat", "-c", "%s %F", "/var/lib/kiosk/gallery.db")
        _require(sizes.startswith("0 "), f"kiosk-sync sees the gallery: {sizes}")
        keys = self._m.run(*of_sync, "ls", f"/run/credentials/{SYNC}").split()
        _require(keys == ["ledger.key"], f"kiosk-sync has {keys}")
        return "seccomp, no capability, no network at kiosk, no gallery at kiosk-sync"

    def page(self) -> str:
        """From the container's network, where the browser is."""
        code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8470/').status)"
        answer = self._m.run("python3", "-c", code).strip()
        _require(answer == "200", f"the page answered {answer}")
        return answer

    def journal(self) -> str:
        """By the ids of docs/messages.md."""
        (first, *_) = self._m.journal(f"MESSAGE_ID={_READY}")
        _require(first["KIOSK_EVENT"] == "ready", "the id is another event's")
        _require(first["_SYSTEMD_UNIT"] == KIOSK, "it is another unit's")
        entries = self._m.journal("-u", KIOSK, "-u", SYNC)
        # What the program says itself; journald's own fields (`_PID`) are numbers too.
        said = [str(v) for e in entries for k, v in e.items() if k.startswith(("MESSAGE", "KIOSK"))]
        for person in self._people:
            names = re.compile(rf"\b({re.escape(person.name)}|{person.number})\b")
            _require(not any(map(names.search, said)), "the journal names somebody")
        return f"{len(entries)} entries"

    def detail(self) -> str:
        """A phase is logged only with detail."""
        m = self._m
        _require(not m.journal("KIOSK_EVENT=phase"), "there was detail before the signal")
        m.run("systemctl", "kill", "-s", "SIGUSR1", "--kill-who=main", KIOSK)
        m.until("detail", lambda: bool(m.journal("KIOSK_EVENT=phase")), 30.0)
        m.run("systemctl", "kill", "-s", "SIGUSR1", "--kill-who=main", KIOSK)
        m.until("the switch back", lambda: len(m.journal("KIOSK_EVENT=log_level")) == 2, 30.0)
        return ""

    def stop_and_start(self) -> str:
        """An orderly end has the result `success` and leaves a record of it."""
        m = self._m
        before = self._verify()
        m.run("systemctl", "stop", KIOSK, SYNC)
        for unit in (KIOSK, SYNC):
            _require(m.show(unit, "Result") == "success", f"{unit}: {m.show(unit, 'Result')}")
        after = self._verify()
        _require(after > before, "no record of the end")
        m.run("systemctl", "start", KIOSK, SYNC)
        return f"{before} records, {after} after it"

    def kill(self) -> str:
        """Both at once, by process id."""
        delivered, pids = self._delivered(), self._pids()
        self._send(signal.SIGKILL)
        took = self._m.until("both are back", lambda: self._new(pids), 60.0)
        self._m.until("more is delivered", lambda: self._delivered() > delivered, 90.0)
        return f"back after {took:.1f} s; {self._verify()} records verify"

    def freeze(self) -> str:
        """The watchdogs have 30 s and 90 s, as in the units."""
        m, pids = self._m, self._pids()
        delivered = self._delivered()
        self._send(signal.SIGSTOP)
        took = m.until("kiosk is back", lambda: self._pid(KIOSK) not in ("0", pids[0]), 60.0)
        both = m.until("kiosk-sync is back", lambda: self._new(pids), 120.0) + took
        said = m.run("journalctl", "-q", "-o", "cat", "_PID=1")
        for unit in (KIOSK, SYNC):
            _require(f"{unit}: Watchdog timeout" in said, f"{unit}: not by the watchdog")
        m.until("more is delivered", lambda: self._delivered() > delivered, 90.0)
        return f"kiosk after {took:.0f} s, kiosk-sync after {both:.0f} s; {self._verify()} verify"

    def pull_network(self) -> str:
        """The link that broker, headquarters and kiosk-sync share goes down, silently."""
        m = self._m
        lost = len(m.journal("KIOSK_EVENT=broker_lost"))
        pids = self._pids()
        m.run("ip", "link", "set", "lo", "down")
        m.until("broken", lambda: len(m.journal("KIOSK_EVENT=broker_lost")) > lost, 60.0)
        delivered, before = self._delivered(), self._verify()
        m.until("punches without a network", lambda: self._verify() > before + 2, 60.0)
        _require(self._delivered() == delivered, "something was delivered without a network")
        m.run("ip", "link", "set", "lo", "up")
        took = m.until("delivered", lambda: self._delivered() > delivered + 2, 90.0)
        _require(self._pids() == pids, "a unit was started anew")
        return f"{self._verify() - before} records meanwhile; delivered {took:.1f} s later"

    def fail(self) -> str:
        """A settings file with a mistake, until kiosk-again@ has started it without one."""
        m = self._m
        m.run("sed", "-i", "s/^zone = /zoen = /", "/etc/kiosk/kiosk.toml")
        m.run("systemctl", "kill", "-s", "SIGKILL", "--kill-who=main", KIOSK)
        m.until("given up", lambda: m.show(KIOSK, "ActiveState") == "failed", 240.0)
        _require(m.show("kiosk-again@kiosk.timer", "ActiveState") == "active", "no timer waits")
        starts = m.show(KIOSK, "NRestarts")
        m.run("sed", "-i", "s/^zoen = /zone = /", "/etc/kiosk/kiosk.toml")
        took = m.until("again", lambda: m.show(KIOSK, "ActiveState") == "active", 240.0)
        return f"{starts} restarts, then again after {took:.0f} s"

    def daily(self) -> str:
        """As the timers start them; a backup needs a recipient and a stick, which are not here."""
        m = self._m
        for job in ("kiosk-retention", "kiosk-certificate"):
            m.run("systemctl", "start", f"{job}.timer", f"{job}.service")
            _require(m.show(f"{job}.service", "Result") == "success", f"{job} failed")
        return ""

    def _delivered(self) -> int:
        return len(self._m.ask(_HQ, "punches", "--json", *_HQ_CONFIG))

    def _verify(self) -> int:
        """Records of a ledger whose chain and signatures hold; read with the keys set aside."""
        self._m.run("cp", "-a", "/root/keys", "/run/kiosk-keys")
        try:
            found = self._m.ask(_PROGRAM, "ledger", "verify", "--json", *_CONFIG)
        finally:
            self._m.run("rm", "-r", "/run/kiosk-keys")
        return int(found["records"])

    def _pid(self, unit: str) -> str:
        return self._m.show(unit, "MainPID")

    def _pids(self) -> tuple[str, str]:
        return self._pid(KIOSK), self._pid(SYNC)

    def _new(self, before: tuple[str, str]) -> bool:
        if any(self._m.show(unit, "ActiveState") != "active" for unit in (KIOSK, SYNC)):
            return False
        return not {"0", *before} & set(self._pids())

    def _send(self, how: signal.Signals) -> None:
        for unit in (KIOSK, SYNC):
            self._m.run("systemctl", "kill", "-s", how.name, "--kill-who=main", unit)

    def _peak(self, unit: str) -> int:
        status = self._m.run("cat", f"/proc/{self._pid(unit)}/status")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise MachineError(message)
