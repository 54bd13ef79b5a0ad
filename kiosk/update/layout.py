"""The directory of releases, and the links that say which one is for what.

    releases/0.1.0/       an environment; `release.json`, its last file, says that it is whole
    current  -> releases/0.1.0     what the units run, as bin/…
    bin      -> current/bin        set once, so that units and sudoers name /opt/kiosk/bin
    updater  -> releases/0.1.0     the last one that proved healthy: it finishes and takes back
    candidate -> releases/0.2.0    while a release's trial runs
    incoming/             the bundle, copied before it is checked
    state.json, lock, asked

A link is replaced by a rename, which is all or nothing, and its directory is fsynced.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk.update.errors import LayoutError
from kiosk.update.manifest import RELEASE_FILE, Manifest, installed
from kiosk.update.pulse import ASKED
from store.files import place, sync_directory

Link = Literal["current", "updater", "candidate"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The directory `root`. Every method raises `OSError` where the disk does not do it."""

    root: Path

    @property
    def incoming(self) -> Path:
        """Where a bundle is copied to."""
        return self.root / "incoming"

    @property
    def state_file(self) -> Path:
        """`kiosk.update.state`'s."""
        return self.root / "state.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one kiosk-update that is at work."""
        return self.root / "lock"

    @property
    def asked(self) -> Path:
        """There while the daemon is asked to end."""
        return self.root / ASKED

    def release(self, version: str) -> Path:
        """The environment of a version, there or not."""
        return self.root / "releases" / version

    def version_at(self, link: Link) -> str | None:
        """The version that a link points to; None without one."""
        try:
            return (self.root / link).readlink().name
        except FileNotFoundError:
            return None

    def manifest_at(self, link: Link) -> Manifest:
        """Of the release that a link points to; raises `LayoutError`."""
        version = self.version_at(link)
        if version is None:
            raise LayoutError(
                f"{self.root / link}: there is no such link; install a first release with "
                "`kiosk-update install` (docs/updates.md)"
            )
        return installed(self.release(version))

    def is_whole(self, version: str) -> bool:
        """Whether the environment was completed."""
        return (self.release(version) / RELEASE_FILE).exists()

    def point(self, link: Link, version: str) -> None:
        """Have a link point to a release, at once and lastingly."""
        self._link(link, f"releases/{version}")

    def point_programs(self) -> None:
        """`bin`, which follows `current`."""
        self._link("bin", "current/bin")

    def drop(self, link: Link) -> None:
        """Take a link away."""
        (self.root / link).unlink(missing_ok=True)
        sync_directory(self.root)

    def ask(self) -> None:
        """Ask the daemon to end when nobody is there."""
        place(self.asked, b"", mode=0o644)

    def unask(self) -> None:
        """No longer."""
        self.asked.unlink(missing_ok=True)
        sync_directory(self.root)

    def versions(self) -> list[str]:
        """Every release that is there, whole or not."""
        home = self.root / "releases"
        return sorted(folder.name for folder in home.iterdir()) if home.is_dir() else []

    def remove(self, version: str) -> None:
        """Delete an environment: first what says that it is whole."""
        folder = self.release(version)
        if version in (self.version_at("current"), self.version_at("updater")):
            raise LayoutError(f"{folder} is in use; nothing was deleted")
        if folder.exists():
            (folder / RELEASE_FILE).unlink(missing_ok=True)
            sync_directory(folder)
            shutil.rmtree(folder)

    def keep_only(self, *versions: str) -> None:
        """Delete all other releases that no link is on."""
        kept = {*versions, self.version_at("current"), self.version_at("updater")}
        for version in self.versions():
            if version not in kept:
                self.remove(version)

    def _link(self, name: str, target: str) -> None:
        aside = self.root / f".{name}.partial"
        aside.unlink(missing_ok=True)
        aside.symlink_to(target)
        aside.rename(self.root / name)
        sync_directory(self.root)
