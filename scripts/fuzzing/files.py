"""Files that come from outside: settings, a backup, an exported ledger.

An exported ledger is read by `scripts/verify-ledger`, as an auditor would, and by nothing of ours.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pyrage

from fuzzing.course import Parser
from fuzzing.mangling import mangled, twisted, written
from fuzzing.messages import RECORDS, anything, resigned
from fuzzing.terminal import toml_text, toml_value
from hq import settings as hq_settings
from kiosk import settings as kiosk_settings
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from store.age_file import Identities, decrypt, encrypt, read_header
from store.archive import MEMBERS, Manifest, Unpacker, describe, pack
from store.errors import (
    DamagedArchiveError,
    IdentityError,
    NewerArchiveError,
    SettingsError,
)
from store.export import export_line
from store.settings import load_settings
from sync import settings as sync_settings
from sync.contract import samples

VERIFIER = Path(__file__).resolve().parents[1] / "verify-ledger"
_MQTT = '[mqtt]\nhost = "mqtt.example"\nport = 8883\nca = "ca"\ncertificate = "c"\nkey = "k"\n'
_TERMINAL = f"""\
[terminal]
site = "plant-1"
name = "gate-a"
zone = "Europe/Berlin"
[store]
directory = "data"
keys = "keys"
[hq]
public_key = "hq.pub"
{_MQTT}
[camera]
source = "pictures"
path = "."
[decision]
margin = 0.1
min_frames = 3
[recognition]
fpir = 0.003
[retention]
punches_days = 100
[indicators]
green = 17
[status]
disk_low_mb = 500
"""
_HQ = _MQTT + '[database]\nfile = "hq.db"\n[hq]\nsigning_key = "hq.key"\n'


def parsers(folder: Path) -> list[Parser]:
    """Those of files; `folder` is for the files."""
    identity = pyrage.x25519.Identity.generate()
    (folder / "identity").write_text(f"{identity}\n", encoding="ascii")
    identities = Identities(folder / "identity")
    tar, age = _backup([str(identity.to_public())])
    broken = (DamagedArchiveError, NewerArchiveError)
    verifier = load_verifier(VERIFIER)
    return [
        Parser("settings", _toml(_TERMINAL), _Settings(folder).read, (SettingsError,)),
        Parser("hq-settings", _toml(_HQ), _HqSettings(folder).read, (SettingsError,)),
        Parser("overrides", _overrides, _Overrides(folder).read, (SettingsError,)),
        Parser("age", lambda random: _mangled(random, age), _header, broken),
        Parser(
            "backup",
            lambda random: _mangled(random, age),
            lambda raw: decrypt(io.BytesIO(raw), lambda _: None, identities),
            (*broken, IdentityError),
        ),
        Parser("archive", lambda random: _archive(random, tar), _unpack, broken),
        Parser("export", _export, _verify(verifier), (verifier.Broken,)),
    ]


def _toml(text: str) -> Callable[[Random], bytes]:
    raw = text.encode("ascii")

    def make(random: Random) -> bytes:
        if random.random() < 0.4:
            return mangled(random, raw, [raw])
        lines = text.splitlines()
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(lines))
            key, equals, _ = lines[at].partition(" = ")
            if equals:
                lines[at] = f"{key} = {toml_value(random)}"
            elif random.random() < 0.3:
                lines[at] = toml_value(random)
        return "\n".join(lines).encode("utf-8", "surrogatepass")

    return make


class _Settings:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "kiosk.toml"

    def read(self, raw: bytes) -> None:
        self._path.write_bytes(raw)
        load_settings(self._path, sync_settings.Settings)
        kiosk_settings.load(self._path)


class _HqSettings:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "hq.toml"

    def read(self, raw: bytes) -> None:
        self._path.write_bytes(raw)
        hq_settings.load(self._path)


class _Overrides:
    def __init__(self, folder: Path) -> None:
        path = folder / "technician.toml"
        path.write_text(_TERMINAL, encoding="ascii")
        base: Settings = kiosk_settings.load(path)
        self._overrides = Overrides(base)

    def read(self, raw: bytes) -> None:
        # As from JSON, where a lone surrogate can be written.
        self._overrides.merged(raw.decode("utf-8", "surrogatepass"))


def _overrides(random: Random) -> bytes:
    text = toml_text(random).encode("utf-8", "surrogatepass")
    made = mangled(random, text, [text]) if random.random() < 0.3 else text
    return made.decode("utf-8", "replace").encode() if made != text else made


def _backup(recipients: list[str]) -> tuple[bytes, bytes]:
    contents: dict[str, bytes | Path] = {name: name.encode() * 20 for name in MEMBERS}
    manifest = Manifest(
        program="0.1.0",
        site="plant-1",
        terminal="gate-a",
        made=samples.MORNING,
        head_seq=0,
        head_hash="0" * 64,
        receipt_seq=0,
        schemas={"ledger": 1, "gallery": 1},
        signing_key="0" * 64,
        members=describe(contents),
    )
    tar, age = b"".join(pack(manifest, contents)), io.BytesIO()
    encrypt(iter((tar,)), age.write, recipients)
    return tar, age.getvalue()


def _mangled(random: Random, raw: bytes) -> bytes:
    chance = random.random()
    if chance < 0.05:
        return random.randbytes(300)
    return raw if chance < 0.1 else mangled(random, raw, [raw])


def _archive(random: Random, tar: bytes) -> bytes:
    """The tar mangled, or with another manifest of the length that its header says."""
    if random.random() < 0.6:
        return _mangled(random, tar)
    size = int(tar[124:135], 8)
    manifest = json.loads(tar[512 : 512 + size])
    raw = written(random, twisted(random, manifest))
    header = bytearray(tar[:512])
    header[124:136] = b"%011o\0" % len(raw)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    blocks = -(-size // 512)
    return bytes(header) + raw + bytes(-len(raw) % 512) + tar[512 * (1 + blocks) :]


def _unpack(raw: bytes) -> None:
    unpacker = Unpacker(None)
    for at in range(0, len(raw), 700):
        unpacker.write(raw[at : at + 700])
    unpacker.finish()


def _header(raw: bytes) -> None:
    read_header(io.BytesIO(raw))


def _export(random: Random) -> bytes:
    lines = [export_line(record) for record in RECORDS]
    at = random.randrange(len(lines))
    kind = random.randrange(4)
    if kind == 0:
        return mangled(random, b"".join(lines), lines)
    if kind == 1:
        lines[at] = anything(random, [lines[at]]) + b"\n"
    elif kind == 2:
        try:
            lines[at] = export_line(resigned(random, RECORDS[at]))
        except UnicodeDecodeError:
            lines[at] = b"\xff\n"
        if random.random() < 0.5:
            lines = lines[at:]  # what a chain may begin with is looked at closest
    else:
        random.shuffle(lines)
    return b"".join(lines)


def _verify(verifier: ModuleType) -> Callable[[bytes], object]:
    key = samples.TERMINAL_KEY.public_key()
    known = (RECORDS[-1].seq, RECORDS[-1].hash)

    def verify(raw: bytes) -> None:
        verifier.verify(io.BytesIO(raw), key, known)

    return verify


def load_verifier(path: Path) -> ModuleType:
    """The script as a module: it has no ending to be found by."""
    loader = importlib.machinery.SourceFileLoader("verify_ledger", str(path))
    spec = importlib.util.spec_from_loader("verify_ledger", loader)
    if spec is None:
        raise ImportError("scripts/verify-ledger is not there")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
