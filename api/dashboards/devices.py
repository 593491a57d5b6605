"""Devices with their state and spend, and the values of the filter rail.

Belongs here: what one can see of devices and filter by. Does not belong here: pairing, revoking, the rules of states
(`api.devices`).
"""

from __future__ import annotations

from api.dashboards.control import assigned_centres, device_name, projects
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.devices import (
    CostCentreValue,
    DevicesAnswer,
    DeviceShown,
    DeviceValue,
    FilterValuesAnswer,
    ModelValue,
    ProjectValue,
)
from api.dashboards.money import percent
from api.dashboards.overview import sync_shown
from api.dashboards.periods import RangeName
from api.dashboards.queries.asking import By
from api.dashboards.queries.dimensions import model_names
from api.dashboards.queries.spend import distinct
from api.dashboards.shown import answer_fields, name_order, ranked, spend_fields
from api.dashboards.view import View
from api.db.models import Device
from api.devices import device_state
from pipelines.lake.clock import from_micros, iso_utc


def device_list(view: View) -> DevicesAnswer:
    """Return the workspace's devices by their spend in the period."""
    found = view.devices
    by_device = view.money(By.DEVICE)
    spent = total(by_device.values(), NO_MONEY).metered_millicents
    known = {device.id: device for device in found}
    names = view.device_names
    shown = ranked({device: by_device.get((device,), NO_MONEY) for device in known}, names)
    wanted = set(view.filters.devices) or set(known)
    return DevicesAnswer(
        **answer_fields(view),
        sync=sync_shown(view.sync),
        devices=[_shown(view, known[device], sums, spent) for device, sums in shown if device in wanted],
    )


def filter_values(view: View) -> FilterValuesAnswer:
    """Return every value one can filter by."""
    models: list[tuple[str, str]] = [
        (provider, model) for provider, model in distinct(view.marts, view.workspace_id, By.PROVIDER, By.MODEL)
    ]
    model_name = model_names(view.marts, models)
    known = projects(view.engine, view.workspace_id)
    named = view.device_names
    return FilterValuesAnswer(
        **answer_fields(view),
        ranges=[name.value for name in RangeName],
        providers=sorted({provider for provider, _ in models}),
        models=[
            ModelValue(provider=provider, model=model, display_name=model_name.get((provider, model)))
            for provider, model in models
        ],
        projects=[
            ProjectValue(project=slug, display_name=known[slug].display_name if slug in known else None)
            for (slug,) in distinct(view.marts, view.workspace_id, By.PROJECT)
        ],
        devices=[
            DeviceValue(device_id=device, name=named.get(device))
            for (device,) in sorted(
                distinct(view.marts, view.workspace_id, By.DEVICE),
                key=lambda one: name_order(named.get(one[0]), one[0]),
            )
        ],
        cost_centers=[
            CostCentreValue(cost_center=slug, name=name)
            for slug, name in assigned_centres(view.engine, view.workspace_id)
        ],
    )


def _shown(view: View, device: Device, sums: Money, spent: int) -> DeviceShown:
    return DeviceShown(
        **spend_fields(sums),
        device_id=device.id,
        name=device_name(device),
        hostname=device.hostname,
        platform=device.platform,
        daemon_version=device.daemon_version,
        state=device_state(device, view.now).value,
        instances=len(view.instances.get(device.id, ())),
        machines=list(view.instances.get(device.id, ())),
        paired_at=iso_utc(from_micros(device.paired_at_us)),
        revoked_at=_instant(device.revoked_at_us),
        revoked_reason=device.revoked_reason,
        last_seen_at=_instant(device.last_seen_at_us),
        last_sync_at=_instant(device.last_batch_at_us),
        share_percent=percent(sums.metered_millicents, spent),
    )


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
