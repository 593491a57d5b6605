"""From what a report says to its PDF, signed.

Belongs here: the HTML of a document, its charts and fonts, and the order of steps. Does not belong here: gathering what
it says (`figures`), limits of the renderer (`children`).

A PDF is a function of its document, the logo, the list of requests, the key, and the fonts: nothing else goes in.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.reports.asked import KIND_WORDS, ReportKind
from api.reports.canonical import FIGURES_NAME, REQUESTS_NAME, canonical, digest_of
from api.reports.children import run_confined
from api.reports.figures.gathering import Gathered
from api.reports.renderer import Attached, Rendered, ToRender
from api.reports.signing import ReportSigner, sign_pdf
from api.reports.words import FILTERS
from pipelines import charts
from pipelines.charts.themes import FONT
from pipelines.lake.clock import to_micros

TEMPLATES: Final = Path(__file__).parent / "templates"
WIDTHS: Final = (("Regular", "400"), ("Semibold", "600"), ("Bold", "700"))
_FONT_FAMILY: Final = "Source Sans Pro"
_DAILY_UP_TO: Final = 62
_WEEKLY_UP_TO: Final = 200
_CHART_WIDTH: Final = 620
_CHART_HEIGHT: Final = 150
ROWS_MAX: Final = 200
"""Rows that a list of models or devices prints: machines name both, and could name more than any page holds."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished report.

    Attributes:
        pdf: signed.
        pages: how many it has.
        document: canonical JSON of what it says.
        document_sha256: its digest.
    """

    pdf: bytes
    pages: int
    document: str
    document_sha256: str


def compose(gathered: Gathered, signer: ReportSigner) -> Composed:
    """Return the signed PDF of what was gathered.

    Raises:
        ChildError: it could not be rendered within its limits.
    """
    document = canonical(gathered.document)
    at = datetime.fromisoformat(gathered.document["issued_at"])
    message = to_render(gathered, document, at)
    answer = run_confined("api.reports.renderer", msgspec.msgpack.encode(message))
    rendered = msgspec.msgpack.decode(answer, type=Rendered)
    about = gathered.document
    reason = f"{KIND_WORDS[ReportKind(about['kind'])]} no. {about['number']}"
    pdf = sign_pdf(signer, rendered.pdf, name=about["workspace"]["name"], reason=reason, at=at)
    return Composed(pdf, rendered.pages, document, digest_of(document))


def to_render(gathered: Gathered, document: str, at: datetime) -> ToRender:
    """Return what the renderer is given."""
    about = gathered.document
    assets: dict[str, tuple[str, bytes]] = {f"font-{width}": ("font/ttf", _font(width)) for width, _ in WIDTHS}
    if gathered.logo is not None:
        assets["logo"] = ("image/png", gathered.logo)
    if about["kind"] == ReportKind.PROJECT:
        assets["spend"] = ("image/svg+xml", _spend_chart(about["figures"]["spend_over_time"]))
    figures = Attached(FIGURES_NAME, "Every figure of this report, exactly", "Data", document.encode())
    attached = [figures]
    if gathered.requests_csv is not None:
        attached.append(Attached(REQUESTS_NAME, "Every request of the period", "Source", gathered.requests_csv))
    return ToRender(
        html=page_of(about, frozenset(assets)),
        assets=assets,
        attachments=attached,
        identifier=hashlib.sha256(document.encode()).hexdigest()[:32].encode(),
        at_us=to_micros(at),
    )


def page_of(document: Mapping[str, Any], assets: frozenset[str]) -> str:
    """Return the HTML of a document."""
    server = document["server_url"]
    return (
        environment()
        .get_template(f"{document['kind']}.html")
        .render(
            doc=document,
            figures=document["figures"],
            zone=document["time_zone"],
            kind_words=KIND_WORDS[ReportKind(document["kind"])],
            assets=assets,
            widths=WIDTHS,
            family=_FONT_FAMILY,
            pricing_url=f"{server}/docs/concepts/pricing" if server else "",
            verify_url=f"{server}/verify" if server else "",
            requests_name=REQUESTS_NAME,
            figures_name=FIGURES_NAME,
            rows_max=ROWS_MAX,
        )
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, compiled once per process."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)  # pyright: ignore[reportUnknownMemberType] - jinja2 leaves it open
    return made


def _spend_chart(over_time: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Draw spend by day, week or month, whichever there are few enough of to be told apart."""
    daily = over_time["daily"]
    if len(daily) <= _DAILY_UP_TO:
        points = [(_short(point["day"]), point["cost_usd"]) for point in daily]
    elif len(daily) <= _WEEKLY_UP_TO:
        points = [(_short(point["first_day"]), point["cost_usd"]) for point in over_time["weekly"]]
    else:
        points = [
            (f"{date.fromisoformat(point['starts_on']):%b %Y}", point["cost_usd"]) for point in over_time["monthly"]
        ]
    rows = [{"place": place, "label": label, "cost_usd": float(cost)} for place, (label, cost) in enumerate(points)]
    drawn = charts.svg("printed-spend", rows, width=_CHART_WIDTH, height=_CHART_HEIGHT)
    for quoted in (html.escape(FONT), FONT, html.escape(FONT).replace("&quot;", "&#34;")):
        drawn = drawn.replace(quoted, _FONT_FAMILY)
    return drawn.encode()


def _short(day: str) -> str:
    when = date.fromisoformat(day)
    return f"{when.day} {when:%b}"


@lru_cache(maxsize=len(WIDTHS))
def _font(width: str) -> bytes:
    found = find_spec("font_source_sans_pro")
    assert found is not None  # noqa: S101 - one of our dependencies
    assert found.origin is not None  # noqa: S101 - likewise
    return (Path(found.origin).parent / "files" / f"SourceSansPro-{width}.ttf").read_bytes()
