"""The audit log: who did what to which thing, hash-chained per workspace, signed daily, shown with captured requests.

    events, families    the grammar: every event, its family
    chain               writing events in the transaction of the change; verifying a chain
    digests, upkeep     the daily signed head of each chain; saved elsewhere, it shows a rewritten chain
    wanted, listing     the view: recorded events and captured requests in one list; its CSV (`audit_csv`)
    routes              JSON and CSV over HTTP; the page is `api.pages.audit`

Whatever changes something needs the names below and no others.
"""

from api.audit.chain import ChainReport, Executor, record_event, record_events, verify_chain
from api.audit.events import OPERATOR, SYSTEM, Actor, ActorType, AuditEvent, Detail, Happening, Resource

__all__ = (
    "OPERATOR",
    "SYSTEM",
    "Actor",
    "ActorType",
    "AuditEvent",
    "ChainReport",
    "Detail",
    "Executor",
    "Happening",
    "Resource",
    "record_event",
    "record_events",
    "verify_chain",
)
