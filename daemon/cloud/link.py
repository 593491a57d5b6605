"""Making and undoing the link on this machine: the four places a pairing is written to.

Belongs here: `cloud-credentials.json`, `cloud.key`, the `[cloud]` table and the store's `cloud_state`, in the right
order. Does not belong here: talking to the cloud (`daemon.sync`), the commands.

Making ends with the switch in `config.toml`, and undoing begins with it: killed in between, nothing is sent.
"""

from __future__ import annotations

from typing import Any

import tomlkit

from daemon.cloud.sealing import sealed, unsealed
from daemon.config import edited_config, load_config
from daemon.credentials import Credentials, MeterHome, UnreadableStateError
from daemon.store.cloud_state import CloudState
from daemon.store.store import Store


def remember(home: MeterHome, store: Store, credentials: Credentials, *, hostname: str) -> None:
    """Write a new pairing down; what was known of an earlier one is forgotten.

    Raises:
        UnreadableStateError: `config.toml` cannot be understood; nothing was written.
        OSError: a file cannot be written; nothing is sent.
        daemon.store.errors.StoreError: likewise.
    """
    load_config(home)
    ciphertext = sealed(home, credentials.api_key)
    home.store(credentials)
    # Whether an earlier cloud took what was on its way will never be known: the rows wait again.
    for batch in store.open_batches():
        store.drop_batch(batch.batch_id)
    store.clear_cloud_state()
    store.set_cloud_state(
        workspace_id=credentials.workspace_id,
        workspace_name=credentials.workspace_name,
        machine_id=credentials.machine_id,
        hostname=hostname,
        api_key_ciphertext=ciphertext,
    )
    switch_on(home, credentials)


def switch_on(home: MeterHome, credentials: Credentials) -> None:
    """Set `[cloud]` to enabled and to where the credentials are for; its other settings stay."""
    with edited_config(home) as document:
        table = cloud_table(document)
        table["enabled"] = True
        table["base_url"] = credentials.endpoint
        if credentials.workspace_id is not None:
            table["workspace_id"] = credentials.workspace_id
        else:
            table.pop("workspace_id", None)


def switch_off(home: MeterHome) -> None:
    """Set `cloud.enabled = false`, from which moment nothing more is sent; nothing is written where it is off."""
    if not load_config(home).cloud.enabled:
        return
    with edited_config(home) as document:
        cloud_table(document)["enabled"] = False


def forget(home: MeterHome, store: Store | None) -> None:
    """Remove the credentials, the key and, where it can be opened, what the store knows of the cloud; calls stay."""
    home.wipe()
    home.cloud_key_path.unlink(missing_ok=True)
    if store is not None:
        store.clear_cloud_state()


def known_credentials(home: MeterHome, store: Store | None) -> Credentials | None:
    """Return the credentials, from the store's copy when their file is lost or damaged; None when not paired.

    Raises:
        UnreadableStateError: the file is damaged and the copy is of no use either.
    """
    damage: UnreadableStateError | None = None
    try:
        if (found := home.load()) is not None:
            return found
    except UnreadableStateError as error:
        damage = error
    state = CloudState() if store is None else store.cloud_state()
    base_url = load_config(home).cloud.base_url
    if state.api_key_ciphertext is None or base_url is None:
        if damage is not None:
            raise damage
        return None
    return Credentials(
        endpoint=base_url.rstrip("/"),
        api_key=unsealed(home, state.api_key_ciphertext),
        workspace_id=state.workspace_id,
        workspace_name=state.workspace_name,
        machine_id=state.machine_id,
    )


def cloud_table(document: tomlkit.TOMLDocument) -> Any:
    """Return the `[cloud]` table of a config file, made when there is none."""
    if "cloud" not in document:
        document["cloud"] = tomlkit.table()
    return document["cloud"]
