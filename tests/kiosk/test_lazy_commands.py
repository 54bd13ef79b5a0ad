"""What is loaded for what: told by `sys.modules` of a fresh process, never by a clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from kiosk.cli import cli
from kiosk.later import LazyGroup
from kiosk.stores import open_stores
from tests.kiosk.made import settings_file, terminal

NETWORKS = {"cv2", "onnxruntime"}
BIG = {"reportlab", "starlette", "uvicorn", "jinja2", "gpiozero"}
NEVER = {"insightface", "matplotlib", "scipy", "onnx", "sklearn", "skimage"}

_RUN = """
import sys
from click.testing import CliRunner
from {module} import {name} as group
{also}
done = CliRunner().invoke(group, sys.argv[1:])
print(done.exit_code, *(m for m in sys.modules if "." not in m))
"""


def loaded(module: str, name: str, *words: str, also: str = "") -> set[str]:
    """The packages that a fresh process has loaded after the command, which must end well."""
    program = _RUN.format(module=module, name=name, also=also)
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.split()
    assert code == "0"
    return set(modules)


def test_help_loads_nothing_but_the_command_line() -> None:
    assert not loaded("kiosk.cli", "cli", "--help") & {*NETWORKS, *BIG, *NEVER, "pydantic", "numpy"}


def test_a_list_of_people_needs_no_networks(tmp_path: Path) -> None:
    settings = terminal(tmp_path)
    with open_stores(settings):
        pass
    config = str(settings_file(tmp_path))
    assert not loaded("kiosk.cli", "cli", "people", "list", "--config", config) & {
        *NETWORKS,
        *BIG,
        *NEVER,
    }


def test_the_daemon_loads_no_workstation_libraries() -> None:
    there = loaded("kiosk.cli", "cli", "run", "--help")
    assert there >= NETWORKS
    assert not there & {*NEVER, "reportlab", "starlette", "uvicorn", "paho", "sqlalchemy"}


def test_the_network_process_and_headquarters_load_no_recogniser() -> None:
    there = loaded("sync.cli", "main", "run", "--help", also="import hq.cli")
    assert not there & {*NETWORKS, *BIG, *NEVER, "kiosk", "recognizer"}


def test_the_groups_help_says_of_each_command_what_the_command_says() -> None:
    def check(group: click.Group) -> int:
        compared = 0
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(group, LazyGroup) and name in group.later:
                told = click.Command(name, help=group.later[name].summary)
                assert told.get_short_help_str(400) == command.get_short_help_str(400), name
                compared += 1
            if isinstance(command, click.Group):
                compared += check(command)
        return compared

    assert check(cli) == 26
