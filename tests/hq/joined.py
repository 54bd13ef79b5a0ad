"""Headquarters with a CA, and new machines that want to join, through the commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from hq.cli import main
from hq.keys import create_keys
from kiosk.cli import cli
from morning.pki import Authority, Credentials


@dataclass(frozen=True)
class Headquarters:
    """Its settings file, its keys and the operator's CA."""

    folder: Path
    authority: Authority
    port: int = 8883

    @property
    def config(self) -> Path:
        return self.folder / "hq.toml"

    def set_up(self, tls: Credentials) -> None:
        create_keys(self.folder / "hq-keys")
        self.config.write_text(
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.port}\nca = "{tls.ca}"\n'
            f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
            "reconnect_first_s = 0.05\nreconnect_most_s = 0.4\nsession_expiry_s = 2\n"
            f'[database]\nurl = "sqlite:///{self.folder / "hq.db"}"\n'
            '[hq]\nsigning_key = "hq-keys/hq.key"\ngap_grace_s = 0.5\nreplay_every_s = 1.0\n'
        )

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])

    @property
    def ca(self) -> tuple[str, ...]:
        """The options that name the CA and its key."""
        ca = self.authority
        return "--ca", str(ca.ca), "--ca-key", str(ca.directory / "ca.key")

    def signs(self) -> None:
        """From now on `kiosk-hq run` has the CA's key."""
        _, ca, _, key = self.ca
        with self.config.open("a") as file:
            file.write(f'[authority]\nca = "{ca}"\nca_key = "{key}"\n')

    def site(self, settings: str = "", name: str = "plant-1", *, joins: bool = False) -> Path:
        """The site file; with `joins` it has a join certificate."""
        extra, path = self.folder / "site.toml", self.folder / f"{name}.kiosk"
        extra.write_text(settings)
        words = ["site", "export", name, "--zone", "Europe/Berlin", "--settings", str(extra)]
        made = self.run(*words, *(("--join-certificate", *self.ca) if joins else ()))
        assert made.exit_code == 0, made.output
        path.write_bytes(made.stdout_bytes)
        return path

    def token(self, *words: str, site: str = "plant-1") -> str:
        made = self.run("tokens", "create", site, *words)
        assert made.exit_code == 0, made.output
        return made.output.strip()

    def sign(self, stick: Path) -> Result:
        return self.run("join", "sign", str(stick), *self.ca)


def without_a_broker(folder: Path, authority: Authority) -> Headquarters:
    """Headquarters for its commands alone: it has a client certificate of nobody."""
    made = Headquarters(folder, authority)
    folder.mkdir()
    made.set_up(Credentials(authority.ca, Path("nobody"), Path("nobody")))
    return made


@dataclass(frozen=True)
class Machine:
    """A new machine with a folder of its own, and the stick."""

    folder: Path
    stick: Path
    hq_key: Path

    @property
    def config(self) -> Path:
        return self.folder / "etc" / "kiosk.toml"

    def join(self, site: Path, name: str, token: str | None, *words: str) -> Result:
        self.stick.mkdir(exist_ok=True)
        return self.ask(site, name, token, "--request-to", str(self.stick), *words)

    def ask(self, site: Path, name: str, token: str | None, *words: str) -> Result:
        """`kiosk join` over the broker, unless `words` say otherwise."""
        asking = () if token is None else ("--token", token)
        return CliRunner().invoke(
            cli,
            [
                "join", str(site), "--name", name, *asking,
                "--hq-key", str(self.hq_key),
                "--data", str(self.folder / "data"), "--keys", str(self.folder / "keys"),
                "--config", str(self.config), *words,
            ],
        )  # fmt: skip
