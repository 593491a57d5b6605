"""What a person sets in `config.toml`, checked as it is read.

Belongs here: every table of the file, its defaults and limits; reading; changing without losing comments. Does not
belong here: what the settings do (the rooms that are handed them).

A file that cannot be understood is an error for whoever acts on it: what would leave the machine is decided by it, so
nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal

import msgspec
import tomlkit
from msgspec import Meta
from tomlkit.exceptions import TOMLKitError

from daemon.credentials import MeterHome, UnreadableStateError
from daemon.file_lock import held_file

_CHANGE_SECONDS: Final = 10.0
"""How long to wait for another process that is changing the file."""
Port = Annotated[int, Meta(ge=0, le=65_535)]
"""0 lets the system choose a free one."""
Preset = Literal["minimal", "standard", "full"]


class CaptureConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[capture]`: proxy and gateway.

    Attributes:
        enabled: whether calls are captured at all.
        port: of proxy and gateway, on 127.0.0.1.
        upstreams: provider (`anthropic`, `openai`, `gemini`, `xai`) to the base URL its gateway forwards to, where that
            is not the provider's own.
        hosts: host name to provider, of further hosts that the proxy opens: a company's own gateway.
    """

    enabled: bool = True
    port: Port = 8090
    upstreams: dict[str, str] = {}
    hosts: dict[str, str] = {}


class ApiConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[api]`: the loopback API, on 127.0.0.1."""

    port: Port = 8765


class CorsConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[cors]`: origins whose pages may ask the loopback API, beside the paired cloud's."""

    allow_origins: list[str] = []


class StoreConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[store]`: how many days calls are kept here; those a cloud has not acknowledged are kept for longer."""

    retention_days: Annotated[int, Meta(ge=1, le=36_500)] = 90


class BodiesConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[bodies]`: projects whose requests and answers are kept here: redacted, up to `max_bytes` a leg."""

    projects: list[str] = []
    max_bytes: Annotated[int, Meta(ge=1, le=16_777_216)] = 262_144


class ProjectUpload(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[cloud.upload.per_project."slug"]`: False in `upload` keeps its rows here; `fields` as in `[cloud.upload]`."""

    upload: bool = True
    fields: dict[str, bool] = {}


class UploadConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[cloud.upload]`: what of a call may leave.

    Attributes:
        preset: where the fields' defaults come from.
        fields: field of the record to whether it is sent.
        per_project: rules of single projects, by slug.
    """

    preset: Preset = "standard"
    fields: dict[str, bool] = {}
    per_project: dict[str, ProjectUpload] = {}


class CloudConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[cloud]`: nothing leaves unless `enabled`."""

    enabled: bool = False
    base_url: str | None = None
    workspace_id: str | None = None
    sync_interval_seconds: Annotated[float, Meta(ge=0.05, le=15)] = 15.0
    upload: UploadConfig = UploadConfig()


class Config(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `config.toml`; everything has a default."""

    capture: CaptureConfig = CaptureConfig()
    api: ApiConfig = ApiConfig()
    cors: CorsConfig = CorsConfig()
    store: StoreConfig = StoreConfig()
    bodies: BodiesConfig = BodiesConfig()
    cloud: CloudConfig = CloudConfig()


def load_config(home: MeterHome) -> Config:
    """Return the settings of `home`; all defaults where there is no file.

    Raises:
        UnreadableStateError: the file cannot be read, is no TOML, or sets something that does not exist or not so; the
            message names the place.
    """
    return _checked(home, _read(home))


@contextmanager
def edited_config(home: MeterHome) -> Iterator[tomlkit.TOMLDocument]:
    """Give the file as a document to change; written in one step afterwards, its comments kept.

    Others that change it wait: a rule set beside a pairing would be lost otherwise, and rows leave against it.

    Raises:
        UnreadableStateError: as `load_config`, before anything is given and again before anything is written; or
            somebody else is changing the file and does not finish.
    """
    with held_file(home.root / "config.lock", wait_seconds=_CHANGE_SECONDS) as mine:
        if not mine:
            raise UnreadableStateError(f"{home.config_path} is being changed by another process: try again")
        text = _read(home)
        _checked(home, text)
        document = tomlkit.parse(text)
        yield document
        changed = tomlkit.dumps(document)
        if changed == text:
            return
        _checked(home, changed)
        home.write(home.config_path, changed.encode())


def _read(home: MeterHome) -> str:
    try:
        return home.config_path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableStateError(f"{home.config_path} cannot be read: {error}") from error


def _checked(home: MeterHome, text: str) -> Config:
    try:
        config = msgspec.convert(tomlkit.parse(text).unwrap(), Config)
    except (TOMLKitError, ValueError, msgspec.ValidationError) as error:
        raise UnreadableStateError(f"{home.config_path} cannot be understood: {error}") from error
    if config.capture.enabled and config.capture.port == config.api.port != 0:
        raise UnreadableStateError(f"{home.config_path}: [capture] and [api] cannot both have port {config.api.port}")
    return config
