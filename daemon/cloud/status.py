"""How the link stands, gathered from config, credentials and store: reads only, and never asks the cloud.

Belongs here: `link_status` and its JSON, which `cloud status --json` and the loopback API share. Does not belong here:
the rule for the state (`state`), texts for people (`daemon.cli`).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from daemon.clock import SECOND, Clock, iso_of_micros, to_micros
from daemon.cloud.gate import read_link
from daemon.cloud.privacy import UploadRules
from daemon.cloud.state import LinkFacts, LinkState, state_of, why_degraded
from daemon.cloud.waiting import withheld_counts, withheld_spellings
from daemon.config import CloudConfig, load_config
from daemon.credentials import Credentials, MeterHome, UnreadableStateError
from daemon.store.cloud_state import CloudState
from daemon.store.outbox import QuarantinedCall
from daemon.store.store import Store

_QUARANTINED: Final = "SELECT count(*) FROM calls WHERE upload_state = 'quarantined'"
SET_ASIDE_SHOWN: Final = 5
_LAST_SENT: Final = "SELECT max(recorded_at_us) FROM calls WHERE upload_state = 'sent'"


@dataclass(frozen=True, kw_only=True)
class LinkStatus:
    """The link at one moment.

    Attributes:
        state: the documented word.
        reasons: why it is `DEGRADED`, in words.
        problem: why config, credentials or rules cannot be used; nothing leaves while there is one.
        config: `[cloud]`, all defaults when the file cannot be understood.
        credentials: None when not paired.
        cloud: what the store knows.
        last_sent_recorded_at_us: newest call that a cloud acknowledged, by `recorded_at`.
        unsynced: calls that may leave and wait.
        quarantined: calls set aside by a cloud, or as too large.
        set_aside: the newest few of them, with the reason.
        withheld: waiting calls of projects that stay here, by project.
    """

    state: LinkState
    reasons: list[str] = field(default_factory=list)
    problem: str | None
    config: CloudConfig
    credentials: Credentials | None
    cloud: CloudState
    last_sent_recorded_at_us: int | None
    unsynced: int
    quarantined: int
    set_aside: list[QuarantinedCall]
    withheld: dict[str, int]

    @property
    def is_active(self) -> bool:
        """Whether calls flow: `ACTIVE`, or `DEGRADED` for another reason than an unusable file."""
        return self.state in (LinkState.ACTIVE, LinkState.DEGRADED) and self.problem is None


def link_status(home: MeterHome, store: Store, clock: Clock) -> LinkStatus:
    """Return how the link stands.

    Raises:
        daemon.store.errors.StoreError: the store cannot be read.
    """
    config, credentials, rules, problem = _from_files(home)
    cloud = store.cloud_state()
    excluded = withheld_spellings(store, rules)
    with closing(store.connection_for_reading()) as connection:
        quarantined = int(connection.execute(_QUARANTINED).fetchone()[0])
        last_sent = connection.execute(_LAST_SENT).fetchone()[0]
    last_tick = cloud.last_tick_at_us
    unsynced = store.pending_count(excluded_projects=excluded)
    facts = LinkFacts(
        enabled=config.enabled or problem is not None,
        paired=credentials is not None or problem is not None,
        paused_reason=cloud.paused_reason,
        consecutive_failures=cloud.consecutive_failures,
        pending=unsynced,
        seconds_since_tick=None if last_tick is None else (to_micros(clock.now()) - last_tick) / SECOND,
        queue=[pending for _, pending in cloud.queue_history],
    )
    state = state_of(facts)
    reasons = why_degraded(facts) if state is LinkState.DEGRADED else []
    if problem is not None:
        state, reasons = (LinkState.PAUSED if cloud.paused_reason else LinkState.DEGRADED), [problem]
    return LinkStatus(
        state=state,
        reasons=reasons,
        problem=problem,
        config=config,
        credentials=credentials,
        cloud=cloud,
        last_sent_recorded_at_us=last_sent,
        unsynced=unsynced,
        quarantined=quarantined,
        set_aside=store.quarantined(SET_ASIDE_SHOWN) if quarantined else [],
        withheld=withheld_counts(store, rules),
    )


def _from_files(home: MeterHome) -> tuple[CloudConfig, Credentials | None, UploadRules, str | None]:
    config, credentials, rules = CloudConfig(), None, UploadRules.from_config(CloudConfig().upload)
    try:
        config = load_config(home).cloud
        credentials = home.load()
        rules = UploadRules.from_config(config.upload)
        read_link(home)
    except UnreadableStateError as error:
        return config, credentials, rules, str(error)
    return config, credentials, rules, None


def status_json(status: LinkStatus) -> dict[str, Any]:
    """Return the machine-readable shape: released daemons' keys, and ours."""
    cloud, credentials = status.cloud, status.credentials
    known = credentials or cloud
    return {
        "state": str(status.state),
        "reasons": status.reasons,
        "enabled": status.config.enabled,
        "paired": credentials is not None,
        "base_url": credentials.endpoint if credentials else status.config.base_url,
        "continuous": True,
        "sync_interval_seconds": status.config.sync_interval_seconds,
        "is_active": status.is_active,
        "workspace_id": known.workspace_id,
        "workspace_name": known.workspace_name,
        "machine_id": known.machine_id,
        "hostname": cloud.hostname,
        "paused_reason": cloud.paused_reason,
        "last_error": cloud.last_error,
        "last_error_at": _iso(cloud.last_error_at_us),
        "last_synced_request_recorded_at": _iso(status.last_sent_recorded_at_us),
        "last_batch_succeeded_at": _iso(cloud.last_batch_succeeded_at_us),
        "last_tick_at": _iso(cloud.last_tick_at_us),
        "last_reconcile_at": _iso(cloud.last_reconcile_at_us),
        "last_body_tick_at": None,
        "last_body_upload_at": None,
        "consecutive_failures": cloud.consecutive_failures,
        "unsynced_record_count": status.unsynced,
        "quarantined": status.quarantined,
        "quarantined_rows": [
            {"id": one.call.id, "batch_id": one.batch_id, "code": one.code, "detail": one.detail}
            for one in status.set_aside
        ],
        "withheld": status.withheld,
        "withheld_by_cloud": [
            {"project": note.project, "reason": note.reason, "rows": note.rows} for note in cloud.server_notes
        ],
    }


def _iso(micros: int | None) -> str | None:
    return None if micros is None else iso_of_micros(micros)
