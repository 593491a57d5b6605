"""What people call the machines and keys whose ids stand in the log.

Belongs here: names of a workspace's devices and API keys, revoked ones included. Does not belong here: people, whom
the log names by e-mail address itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit.events import ActorType
from api.db.models import ApiKey, Device


@dataclass(frozen=True)
class Names:
    """Names by id.

    Attributes:
        devices: what people call each device.
        hosts: each device's host name, which may be another.
        api_keys: what people call each key.
    """

    devices: Mapping[str, str]
    hosts: Mapping[str, str]
    api_keys: Mapping[str, str]

    def of(self, kind: str, id_: str) -> str | None:
        """Return the name of an actor or resource; None where the id says it all."""
        if kind == ActorType.DEVICE.value:
            return self.devices.get(id_)
        return self.api_keys.get(id_) if kind == ActorType.API_KEY.value else None

    def devices_like(self, text: str) -> tuple[str, ...]:
        """Return the ids of devices whose id, name or host name has `text` in it, any case."""
        wanted = text.casefold()
        return tuple(
            sorted(
                id_
                for id_, name in self.devices.items()
                if any(wanted in one.casefold() for one in (id_, name, self.hosts[id_]))
            )
        )

    def ids_like(self, text: str) -> list[str]:
        """Return the ids of devices and keys whose name has `text` in it, any case."""
        wanted = text.casefold()
        keys = [id_ for id_, name in self.api_keys.items() if wanted in name.casefold()]
        return [*self.devices_like(text), *sorted(keys)]


def names_of(session: Session, workspace_id: str) -> Names:
    """Return the names of a workspace's devices and keys."""
    of_device = select(Device.id, Device.display_name, Device.hostname).where(Device.workspace_id == workspace_id)
    found = session.execute(of_device).all()
    of_key = select(ApiKey.id, ApiKey.name).where(ApiKey.workspace_id == workspace_id)
    return Names(
        devices={id_: name or host for id_, name, host in found},
        hosts={id_: host for id_, _, host in found},
        api_keys={row.id: row.name for row in session.execute(of_key)},
    )
