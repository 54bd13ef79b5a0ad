"""Where the files of a terminal are that `scripts/provision.sh` sets up, for `kiosk join`.

Settings, keys and what is trusted are provision.sh's to write. The join takes them as they are,
only where they are those of the site file, and makes nothing in their place.
"""

from __future__ import annotations

from pathlib import Path

from kiosk.joining import Named, Place
from kiosk.settings import load
from store.errors import SettingsError
from store.files import disk_error
from store.site_file import Site


def provisioned_place(site: Site, name: str, config: Path) -> Place:
    """Where the terminal's files are, by the settings that are there.

    Raises `SettingsError` also when those are another terminal's or trust others than the site's.
    """
    settings = load(config)
    own, tls = settings.terminal, settings.mqtt
    if (own.site, own.name) != (site.site, name):
        mistake = f"it is {own.site}/{own.name}'s, and not {site.site}/{name}'s"
        raise SettingsError(config, [mistake, "`provision.sh --reconfigure` writes it anew"])
    if tls.ca is None or tls.certificate is None or tls.key is None:
        raise SettingsError(config, ["[mqtt] does not name ca, certificate and key"])
    at = Place(
        config,
        settings.store.directory,
        settings.store.keys,
        Named(settings.hq.public_key, tls.ca, tls.certificate, tls.key),
    )
    for path, said in ((at.hq_key, site.hq_key), (at.ca, site.ca)):
        with disk_error(path):
            if path.read_text(encoding="ascii") != said:
                mistake = f"{path} is not the site file's; provision.sh brings it"
                raise SettingsError(config, [mistake])
    return at
