"""Who can reach the page, and what it does not leave behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.errors import ScreenError
from kiosk.screen.render import Pages
from kiosk.screen.server import checked, loopback_socket
from tests.screen.terminals import Terminal

HARNESS = Path(__file__).parent / "preview_harness.py"


def port_of(one: Terminal) -> int:
    return int(one.address.rstrip("/").rpartition(":")[2])


def get(one: Terminal, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str]:
    """The status and text of an answer; `host` and others are headers as they are sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(one), timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named, body=b"{}" if method == "POST" else None)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def token_of(one: Terminal) -> str:
    page = get(one)[1]
    return page.partition('name="kiosk-token" content="')[2].partition('"')[0]


def other_addresses() -> list[tuple[socket.AddressFamily, str]]:
    """This machine's addresses that are not loopback ones."""
    listed = subprocess.run(["ip", "-json", "addr"], capture_output=True, check=True).stdout
    found = []
    for link in json.loads(listed):
        for one in link["addr_info"]:
            if one["scope"] == "global":
                v4 = one["family"] == "inet"
                found.append((socket.AF_INET if v4 else socket.AF_INET6, one["local"]))
    return found


def test_the_page_cannot_be_reached_from_the_network(served: Terminal) -> None:
    others = other_addresses()
    if not others:
        pytest.skip("this machine has no other address than loopback ones")
    for family, address in others:
        with socket.socket(family) as knocking:
            knocking.settimeout(5)
            assert knocking.connect_ex((address, port_of(served))) != 0, address
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=5):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 (what is refused)
def test_a_socket_on_every_address_is_refused(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    open_to_all = socket.socket(family)
    open_to_all.bind((host, 0))
    open_to_all.listen()
    with pytest.raises(ScreenError, match="must be a loopback one"):
        checked(open_to_all)
    assert open_to_all.fileno() == -1, "it is closed"


def test_a_port_that_is_taken_is_named() -> None:
    with loopback_socket(0, {}) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScreenError, match=rf"127\.0\.0\.1:{port} .*\[screen\] port"):
            loopback_socket(port, {})


def test_a_name_that_an_attacker_points_here_is_refused(served: Terminal) -> None:
    """DNS rebinding: the browser connects to 127.0.0.1 and says the attacker's name."""
    port = port_of(served)
    for host in (f"kiosk.attacker.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        assert get(served, host=host)[0] == 403, host
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert get(served, host=host)[0] == 200


def test_another_pages_requests_are_refused(served: Terminal) -> None:
    token = token_of(served)
    good = {"X_Kiosk_Token": token, "Content_Type": "application/json"}
    path = "/actions/undo"
    assert get(served, path, "POST", **good)[0] == 204
    assert get(served, path, "POST", **good, Origin=served.address.rstrip("/"))[0] == 204
    assert get(served, path, "POST", **good, Origin="http://attacker.example")[0] == 403
    assert get(served, path, "POST", **good, Origin="null")[0] == 403
    assert get(served, "/", **{"Sec_Fetch_Site": "cross-site"})[0] == 403
    assert len(served.hub.actions()) == 2


def test_what_changes_something_needs_the_token_of_this_start(served: Terminal) -> None:
    for path in ("/actions/undo", "/requests", "/consent"):
        assert get(served, path, "POST", Content_Type="application/json")[0] == 403
        wrong = {"X_Kiosk_Token": "x" * 43, "Content_Type": "application/json"}
        assert get(served, path, "POST", **wrong)[0] == 403
    assert served.hub.actions() == []


def test_every_answer_forbids_what_the_page_does_not_need(served: Terminal) -> None:
    for path in ("/", "/panels/keypad", "/static/screen.js", "/nothing"):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=10)
        connection.request("GET", path)
        headers = connection.getresponse().headers
        connection.close()
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "*" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_odd_bodies_do_nothing(served: Terminal) -> None:
    token = token_of(served)
    port = port_of(served)
    for path, body in (
        ("/actions/chose", b'{"direction": "sideways"}'),
        ("/actions/chose", b"{}"),
        ("/actions/typed", b'{"number": "1"}'),
        ("/actions/wanted", b'{"intent": "everything"}'),
        ("/actions/nothing", b"{}"),
        ("/actions/chose", b"\xff\xfe"),
        ("/actions/chose", b"[1]"),
        ("/actions/chose", b"[" * 8000),
        ("/actions/declared", b'{"number": "\\ud800"}'),
        ("/actions/declared", b'{"number": "' + b"9" * 10_000 + b'"}'),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"X-Kiosk-Token": token, "Content-Type": "application/json"}
        connection.request("POST", path, body=body, headers=headers)
        assert connection.getresponse().status == 422, body[:40]
        connection.close()
    assert served.hub.actions() == []


def test_a_flood_of_taps_is_turned_away(served: Terminal) -> None:
    headers = {"X_Kiosk_Token": token_of(served), "Content_Type": "application/json"}
    statuses = [get(served, "/actions/undo", "POST", **headers)[0] for _ in range(40)]
    assert statuses == [204] * 32 + [503] * 8
    assert len(served.hub.actions()) == 32


def test_systemds_socket_is_taken_where_there_is_no_network() -> None:
    """As under `PrivateNetwork=yes`: the process has no address of its own, and still serves."""
    listening = loopback_socket(0, {})
    command = [sys.executable, str(HARNESS), "handed-over"]
    if os.geteuid() == 0:
        command = ["unshare", "--net", *command]
    child = subprocess.Popen(
        command,
        pass_fds=[listening.fileno()],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "SCREEN_FD": str(listening.fileno())},
    )
    try:
        port = listening.getsockname()[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == 0
        listening.close()


def test_no_frame_of_the_preview_is_written_to_a_disk(tmp_path: Path) -> None:
    """The kernel ends a process that writes one byte to any file: its RLIMIT_FSIZE is 0.

    The second run writes a frame on purpose and shows that the bound holds.
    """
    command = [sys.executable, "-B", str(HARNESS), "preview"]
    served = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (served.returncode, served.stdout) == (0, "frames 30\n"), served.stderr[-500:]
    written = subprocess.run(
        [*command, str(tmp_path / "frame.jpg")], capture_output=True, text=True, check=False
    )
    assert written.returncode == -signal.SIGXFSZ


def test_an_error_is_logged_by_its_kind_and_not_by_its_text(
    served: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise ValueError("Ana María, PIN 2580")

    monkeypatch.setattr(Pages, "panel", fail)
    assert get(served, "/panels/keypad")[0] == 500
    assert "screen_failed" in caplog.text
    assert "2580" not in caplog.text + "".join(capfd.readouterr())
