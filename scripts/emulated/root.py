"""Programs inside another root file system, run by the host's kernel and, for arm64, by qemu-user.

Rules
- Every program has a mount namespace of its own, which ends with it: nothing stays mounted.
- It keeps the process id that it was started under (each step is an `exec`): signals reach it.
- It shares the host's network: the broker on the host's loopback is its loopback.
- `folder` is seen inside at the same path as outside, so one settings file serves both sides.
- Nothing of the host's environment is seen inside.
- /sys is not mounted: with the host's in there, ONNX Runtime 1.32.0 died of SIGSEGV under qemu 7.2.
- Needs root's rights.
"""

from __future__ import annotations

from pathlib import Path

_ENTER = """\
mount --bind "$2" "$1$2"
mount -t proc proc "$1/proc"
root=$1
shift 2
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
"""


class Root:
    """The tree at `path`, with `folder` in it while this is entered."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path.resolve(), folder.resolve()
        self._seen = self._path / self._folder.relative_to("/")

    def __enter__(self) -> Root:
        self._seen.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.rmdir()

    def command(self, *words: str) -> list[str]:
        """How to run `words` inside; the first one is a path or a name in there."""
        inside = ["sh", "-euc", _ENTER, "sh", str(self._path), str(self._folder), *words]
        return ["unshare", "--mount", "--propagation", "private", *inside]
