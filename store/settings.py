"""Reading a terminal's one TOML file, and the sections that kiosk and sync share.

- Every mistake is reported in one go: the dotted key, its value, what is allowed, and for an
  unknown key the nearest known one.
- A value under a key that names a secret is never shown.
- A relative path is relative to the folder of the TOML file, also in the values that validators
  see.
"""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr, ValidationError
from pydantic.functional_validators import AfterValidator
from pydantic_core import ErrorDetails

from store.errors import SettingsError

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "credential")
_SHOWN = 80  # characters of a value

ModelT = TypeVar("ModelT", bound=BaseModel)


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError("not an IANA time zone name such as Europe/Berlin") from None
    return name


def _is_collected(path: Path) -> Path:
    if path.suffix != ".prom":
        raise ValueError("node_exporter's textfile collector reads only names that end in .prom")
    return path


Label = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="lower-case letters, digits and hyphens, at most 63",
    ),
]
Zone = Annotated[str, AfterValidator(_is_zone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Terminal(_Section):
    """Who this terminal is: its site, its name, and the IANA time zone of the door it hangs at."""

    site: Label
    name: Label
    zone: Zone


class StoreSection(_Section):
    """Where the databases are, and the key files (off systemd; a service gets credentials)."""

    directory: Path
    keys: Path


class HqSection(_Section):
    """Headquarters' Ed25519 public key, PEM; what it signs is believed."""

    public_key: Path


class StatusSection(_Section):
    """What is watched, and from where on it is a fault.

    The faults and where the numbers come from: docs/monitoring.md.
    """

    watch_every_s: float = Field(10, ge=1, le=600)
    # A punch takes 822 bytes (measured: 300,000 of them, 246 MB), so this is room for 600,000: half
    # a year without headquarters at the 100,000 a month that the busiest terminal is planned for.
    disk_low_mb: int = Field(500, ge=10, le=1_000_000)
    temperature_high_c: float = Field(80, ge=40, le=110)
    attack_streak: int = Field(5, ge=1, le=1000)
    attack_minutes: float = Field(10, ge=1, le=1440)
    metrics_file: Annotated[Path, AfterValidator(_is_collected)] | None = None


def load_settings(path: Path, model: type[ModelT]) -> ModelT:
    """Read the TOML file and validate it with `model`, which should forbid unknown keys.

    Raises `SettingsError` listing every mistake.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(path, [f"it cannot be read: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: bytes that are no UTF-8, numbers of thousands of digits.
        raise SettingsError(path, [f"it is not TOML: {error}"]) from None
    try:
        return model.model_validate(_anchored(model, raw, path.parent))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise SettingsError(path, [_mistake(model, one) for one in found]) from None


def _anchored(annotation: Any, value: Any, folder: Path) -> Any:
    """The raw value with every relative path that `annotation` declares put under `folder`."""
    choices = list(_choices(annotation))
    if isinstance(value, str):
        wanted = Path in choices and str not in choices
        return str(folder / value) if wanted and value else value
    if isinstance(value, list):
        items = [arg for c in choices if get_origin(c) in (list, tuple) for arg in get_args(c)]
        return [_anchored(items[0], v, folder) for v in value] if items else value
    models = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
    if isinstance(value, dict) and models:
        fields = _fields(models[0])
        return {k: _anchored(fields[k], v, folder) if k in fields else v for k, v in value.items()}
    return value


def _choices(annotation: Any) -> Iterator[Any]:
    """The members of a union, with `Annotated` taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _choices(member)
    else:
        yield annotation


def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {(f.alias or name): f.annotation for name, f in model.model_fields.items()}


def _mistake(model: type[BaseModel], error: ErrorDetails) -> str:
    keys = [str(part) for part in error["loc"]]
    dotted = ".".join(keys) or "the file"
    match error["type"]:
        case "missing":
            return f"{dotted} is missing: {_needed(model, keys)}"
        case "extra_forbidden":
            return f"{dotted} is no known key{_nearest(model, keys)}"
        case _:
            allowed = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
            return f"{dotted}{_shown(model, keys, error['input'])}: {allowed}"


def _shown(model: type[BaseModel], keys: list[str], value: object) -> str:
    if isinstance(value, (dict, list)) or value is None:
        return ""
    if _is_secret(model, keys):
        return " = (secret)"
    text = repr(value)
    return f" = {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"


def _is_secret(model: type[BaseModel], keys: list[str]) -> bool:
    if any(word in key.lower() for key in keys for word in _SECRET_WORDS):
        return True
    section = _section(model, keys[:-1])
    if section is None or not keys:
        return False
    kinds = _choices(_fields(section).get(keys[-1]))
    return any(isinstance(k, type) and issubclass(k, (SecretStr, SecretBytes)) for k in kinds)


def _section(model: type[BaseModel], keys: list[str]) -> type[BaseModel] | None:
    """The model of the table that `keys` lead to; None where the file's shape is not a model's."""
    for key in keys:
        for choice in _choices(_fields(model).get(key)):
            if isinstance(choice, type) and issubclass(choice, BaseModel):
                model = choice
                break
        else:
            return None
    return model


def _needed(model: type[BaseModel], keys: list[str]) -> str:
    section = _section(model, keys[:-1])
    field = section.model_fields.get(keys[-1]) if section else None
    if field is None:
        return "it is required"
    if field.description:
        return field.description
    inner = _section(model, keys)
    if inner is not None:
        return f"a table with {', '.join(_fields(inner))}"
    return f"a {getattr(field.annotation, '__name__', 'value')}"


def _nearest(model: type[BaseModel], keys: list[str]) -> str:
    section = _section(model, keys[:-1])
    if section is None:
        return ""
    known = list(_fields(section))
    near = difflib.get_close_matches(keys[-1], known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
