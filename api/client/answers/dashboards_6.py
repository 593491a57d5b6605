"""Answers of `dashboards_6` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from api.client.answers.dashboards import BatchShown
from api.client.answers.dashboards_2 import Conflict
from api.client.answers.dashboards_3 import FileShown
from api.client.answers.dashboards_4 import PriceShown
from api.client.answers.dashboards_5 import Sighting, TraceDevice, TracedRequest, WithheldShown


class TraceAnswer(TypedDict):
    """`GET /v1/{workspace}/traces/{id}`."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    request: TracedRequest
    withheld: WithheldShown | None
    price: PriceShown
    batch: BatchShown | None
    file: FileShown | None
    device: TraceDevice | None
    also_seen_from: list[Sighting]
    conflicts: list[Conflict]
