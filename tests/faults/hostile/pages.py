"""What is sent to pages: forms, uploads, cookies, hosts, query strings.

Belongs here: fixed and generated attacks on pages. Does not belong here: JSON routes (`requests`), SCIM
(`directories`), judging (`judge`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

from tests.faults.hostile import corpus
from tests.faults.hostile.corpus import MARK
from tests.faults.hostile.mutations import damaged
from tests.faults.hostile.requests import FORM_TOKEN, ORIGIN, Attack, Maker, Route

HTML: dict[str, str | bytes] = {"Accept": "text/html,*/*;q=0.8"}
FORM_TYPE = "application/x-www-form-urlencoded"
BOUNDARY = "zzBoundaryzz"
MARKUP = f"\"'><script>{MARK}</script><img src=x onerror={MARK}>"
TEXTS = (
    MARK, MARKUP, "", " ", "\x00", "\u202e" + MARK, "x" * 5_000, "=cmd()", "{{7*7}}" + MARK, "-1", "1e999", "9" * 400,
    "\ud800", "\ufffe", "acme", "../..", "\r\nSet-Cookie: " + MARK, "//evil.example/" + MARK, "true",
)  # fmt: skip
"""What is typed into fields."""

FORMS: Mapping[str, Mapping[str, str]] = {
    "/connect": {"code": "ABCD-EFGH", "workspace": "acme", "decision": "approve"},
    "/invitations/{token}": {},
    "/me/name": {"name": "Olive"},
    "/me/sessions/end-others": {},
    "/me/sessions/{session_id}/end": {},
    "/new": {"name": "Beta", "slug": "beta", "plan": "team", "time_zone": "UTC"},
    "/signin": {"email": "o@acme.example", "next": "/acme/overview"},
    "/signin/code": {"code": "12345678"},
    "/signin/link": {"token": "t" * 43},
    "/signout": {},
    "/signup": {},
    "/verify": {"sha256": "a" * 64},
    "/{workspace}/cost-centers": {"name": "Research"},
    "/{workspace}/cost-centers/{cost_centre}": {"action": "renamed", "name": "Research"},
    "/{workspace}/members/invite": {"email": "new@acme.example", "role": "member"},
    "/{workspace}/members/invitations/{invitation_id}/resend": {},
    "/{workspace}/members/invitations/{invitation_id}/revoke": {},
    "/{workspace}/members/leave": {},
    "/{workspace}/members/{user_id}/ownership": {},
    "/{workspace}/members/{user_id}/remove": {},
    "/{workspace}/members/{user_id}/role": {"role": "admin"},
    "/{workspace}/optimization/decisions": {
        "kind": "suppress",
        "check_id": "model_swap",
        "reason": "it suits",
        "view": "catalog",
        "filter": "a=b",
    },
    "/{workspace}/optimization/decisions/{decision_id}/withdraw": {"view": "catalog"},
    "/{workspace}/projects/{slug:path}": {"action": "archive", "confirmed": "yes"},
    "/{workspace}/reattributions/{reattribution_id}/withdraw": {"project": "website"},
    "/{workspace}/reconciliation/bills/connections": {
        "kind": "anthropic_analytics",
        "name": "ours",
        "start_day": "2026-05-01",
        "key": "k" * 20,
        "team": "",
    },
    "/{workspace}/reconciliation/bills/connections/{connection_id}/end": {"confirmed": "yes"},
    "/{workspace}/reconciliation/bills/connections/{connection_id}/rotate": {"key": "k" * 20},
    "/{workspace}/reconciliation/bills/connections/{connection_id}/test": {},
    "/{workspace}/reconciliation/bills/periods/{period_id}/withdraw": {"reason": "typed twice"},
    "/{workspace}/reconciliation/bills/statement": {
        "provider": "openai",
        "month": "2026-05",
        "usage": "12.34",
        "note": "paper",
    },
    "/{workspace}/reconciliation/bills/uploads": {},
    "/{workspace}/reconciliation/bills/uploads/{upload_id}": {
        "action": "preview",
        "provider": "openai",
        "month": "2026-05",
    },
    "/{workspace}/reconciliation/{month}/close": {"confirmed": "yes"},
    "/{workspace}/reconciliation/{month}/reopen": {"reason": "a credit came"},
    "/{workspace}/reports": {"kind": "project", "project": "website", "period": "last_month"},
    "/{workspace}/settings": {"name": "Acme", "time_zone": "UTC", "currency_note": "net"},
    "/{workspace}/settings/address": {"slug": "acme"},
    "/{workspace}/settings/advanced": {"name": "reporting", "scope": "read"},
    "/{workspace}/settings/advanced/{key_id}/revoke": {},
    "/{workspace}/settings/advanced/{key_id}/rotate": {},
    "/{workspace}/settings/alerts": {"mail_to": "addresses", "addresses": "a@acme.example", "tells_anomalies": "yes"},
    "/{workspace}/settings/alerts/webhook": {"url": "https://hooks.acme.example/x"},
    "/{workspace}/settings/alerts/webhook/remove": {},
    "/{workspace}/settings/budgets": {"of": "workspace", "monthly_usd": "100.50", "alert_percents": "50, 80"},
    "/{workspace}/settings/budgets/remove": {"of": "workspace"},
    "/{workspace}/settings/deletion": {"confirm": "acme"},
    "/{workspace}/settings/deletion/export": {},
    "/{workspace}/settings/deletion/undo": {},
    "/{workspace}/settings/devices/{device_id}/rename": {"name": "Laptop"},
    "/{workspace}/settings/devices/{device_id}/revoke": {},
    "/{workspace}/settings/logo": {},
    "/{workspace}/settings/logo/remove": {},
    "/{workspace}/settings/plan/cancel": {},
    "/{workspace}/settings/plan/change": {"plan": "business", "extra_seats": "3", "quoted": "0"},
    "/{workspace}/settings/plan/resume": {},
    "/{workspace}/settings/retention": {"days": "365"},
}
"""Every form there is, filled in as a person would."""

PAGE_QUERIES = (
    *corpus.QUERIES,
    f"code={MARK}", "code=ABCD-EFGH&workspace=%00", f"code={'A' * 3_000}&workspace={quote(MARKUP)}", "code=%ED%A0%80",
    f"token={quote(MARKUP)}", f"token={'t' * 43}", f"next=//evil.example/{MARK}", f"next={quote(MARKUP)}",
    f"next=/%0d%0aSet-Cookie:%20{MARK}", f"done={MARK}", f"state={MARK}&code={MARK}&iss={MARK}&error={quote(MARKUP)}",
    f"range={quote(MARKUP)}&project={quote(MARKUP)}", f"model={quote(MARKUP)}&device={quote(MARKUP)}&provider=%00",
    f"search={quote(MARKUP)}&event={quote(MARKUP)}&actor={quote(MARKUP)}&cursor=%00",
    f"plan={quote(MARKUP)}&extra_seats=-1", "plan=business&extra_seats=99999999999999999999", "days=-1&days=1e9",
)  # fmt: skip
"""Of the filter rail, of links in e-mails, of pages that carry on."""

COOKIES: tuple[dict[str, str | bytes], ...] = (
    {"Cookie": f"halton_session={MARK}; halton_browser={MARK}; halton_workspace={MARK}"},
    {"Cookie": b"halton_session=\xff\xfe" + MARK.encode()},
    {"Cookie": "halton_session=" + "s" * 43 + "; halton_browser=" + "b" * 42},
    {"Cookie": 'halton_session="\\000\\377"; halton_browser="; halton_workspace=\';--'},
    {"Cookie": "; ".join(f"halton_session={index}{MARK}" for index in range(300))},
    {"Cookie": "=; ;;=;halton_session"},
)
HOSTS: tuple[dict[str, str | bytes], ...] = (
    {"Host": f"{MARK}.example"},
    {"Host": "[::1"},
    {"Host": "127.0.0.1:99999999"},
    {"Host": b"\xff" + MARK.encode()},
    {"Host": ""},
    {"Host": f"127.0.0.1/{MARK}?@evil.example"},
    {"Origin": "null"},
    {"Origin": f"http://{MARK}"},
    {"Origin": "http://[::1"},
    {"Origin": "http://127.0.0.1:1e9"},
    {"Origin": ORIGIN + "." + MARK, "Referer": MARKUP},
    {"Origin": b"http://127.0.0.1\xff"},
    {"X-Forwarded-Host": MARK, "X-Forwarded-Proto": MARK, "X-Forwarded-For": MARKUP},
    {"X-Forwarded-For": "1.2.3.4, " * 500 + MARK, "Forwarded": f"for={MARK};host={MARK};proto=https"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-For": "\x7f" * 100},
    {"X-Form-Token": MARK},
    {"X-Form-Token": b"\xff\xfe"},
    {"Sec-Fetch-Site": MARK, "Accept-Language": MARK * 50},
)


def part(disposition: bytes, content: bytes, more: bytes = b"") -> bytes:
    """Return one part of a multipart body."""
    return b"--%s\r\nContent-Disposition: %s\r\n%s\r\n%s\r\n" % (BOUNDARY.encode(), disposition, more, content)


_TOKEN_PART = part(b'form-data; name="form_token"', FORM_TOKEN)
_END = b"--" + BOUNDARY.encode() + b"--\r\n"
_MARK = MARK.encode()
MULTIPARTS: tuple[bytes, ...] = (
    _TOKEN_PART + part(b'form-data; name="logo"; filename="a.png"', b"\x89PNG\r\n\x1a\n" + _MARK) + _END,
    _TOKEN_PART + part(b'form-data; name="logo"; filename="' + b"../" * 500 + _MARK + b'"', b"GIF89a" + _MARK) + _END,
    _TOKEN_PART + part(b'form-data; name="' + _MARK + b'\x00\xff"', b"x") + _END,
    _TOKEN_PART + part(b"form-data; name*=utf-8''%ff%fe; filename*=utf-7''+AAA-", _MARK) + _END,
    _TOKEN_PART + part(b"form-data", b"without a name") + _END,
    _TOKEN_PART + part(b'form-data; name="logo"', b"x", b"Content-Type: text/plain; charset=" + _MARK + b"\r\n") + _END,
    _TOKEN_PART + part(b'form-data; name="name"', b"x", b"Content-Type: text/plain; charset=utf-7\r\n") + _END,
    _TOKEN_PART + part(b'form-data; name="name"', b"\xff\xfe\x00") + _END,
    _TOKEN_PART + part(b'form-data; name="x"', b"y" * 70_000) + _END,
    _TOKEN_PART + part(b'form-data; name="x"', b"y") * 300 + _END,
    _TOKEN_PART + part(b'form-data; name="logo"; filename="a"', b"1") * 3 + _END,
    _TOKEN_PART + part(b'form-data; name="logo"; filename="a"', b"\x00" * (2 * 1024 * 1024)) + _END,
    _TOKEN_PART + part(b'form-data; name="logo"', b"", b"X-A: " + b"a" * 20_000 + b"\r\n") + _END,
    _TOKEN_PART + b"--" + BOUNDARY.encode() + b"\r\n" + _MARK + b"\r\n\r\n",
    part(b'form-data; name="form_token"; filename="t"', FORM_TOKEN) + _END,
    b"--another\r\n\r\n--another--",
    _END,
    b"",
)
MULTIPART_TYPES = (
    f"multipart/form-data; boundary={BOUNDARY}",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    f"multipart/form-data; boundary={BOUNDARY}; charset={MARK}",
    f'multipart/form-data; boundary="{"b" * 3_000}"',
)
FORM_BODIES: tuple[bytes, ...] = (
    b"", b"&&&===", b"form_token=" + FORM_TOKEN + b"&" + _MARK + b"=1", b"form_token=%ff%fe", b"form_token",
    b"form_token=" + FORM_TOKEN + b"&role=owner&plan=enterprise", b"a=1&" * 500, b"\xff\xfe" + _MARK,
    b"form_token=" + FORM_TOKEN + b"&name=" + b"x" * 70_000, b'{"form_token": "' + FORM_TOKEN + b'"}',
    b"form_token=" + FORM_TOKEN + b"&form_token=" + _MARK, b"form_token=" + FORM_TOKEN + b"&name=%ED%A0%80%00%zz",
)  # fmt: skip


def page_deck(route: Route) -> list[Maker]:
    """Return what is tried on a page."""
    if route.method == "GET":
        by_query: list[Maker] = [
            (lambda one, chance, query=query: _page(one, chance, query=query)) for query in PAGE_QUERIES
        ]
        by_value: list[Maker] = [
            (lambda one, chance, value=value: _page(one, chance, value=value))
            for value in (*corpus.PATH_VALUES, quote(MARKUP))
        ]
        return [*by_query, *by_value, *_by_headers(), *[_unasked for _ in range(3)]]
    makers: list[Maker] = [
        (lambda one, chance, text=text: _typed(one, chance, text)) for text in TEXTS for _ in range(2)
    ]
    makers += [(lambda one, chance, body=body: _page(one, chance, body=body)) for body in FORM_BODIES]
    makers += [
        (lambda one, chance, body=body, kind=kind: _page(one, chance, body=body, kind=kind))
        for body, kind in [(body, MULTIPART_TYPES[0]) for body in MULTIPARTS]
        + [(MULTIPARTS[0], kind) for kind in MULTIPART_TYPES[1:]]
    ]
    return [*makers, *_by_headers(), *[filled_in for _ in range(6)]]


def _by_headers() -> list[Maker]:
    return [(lambda one, chance, more=more: _page(one, chance, more=more)) for more in (*COOKIES, *HOSTS)]


def _page(
    route: Route,
    chance: random.Random,
    *,
    query: str = "",
    value: str | None = None,
    body: bytes | None = None,
    kind: str = FORM_TYPE,
    more: Mapping[str, str | bytes] | None = None,
) -> Attack:
    if body is None and route.method != "GET":
        body = _form(FORMS[route.path])
    headers = HTML | ({"Content-Type": kind} if body is not None else {}) | dict(more or {})
    target = (route.plain(chance) if value is None else route.target(value)) + (f"?{query}" if query else "")
    return Attack(route.method, target, headers, body, who(chance))


def who(chance: random.Random) -> str:
    """Return who asks for a page."""
    return chance.choices(("owner", "nobody", "none", "api", "garbage"), weights=(70, 18, 6, 4, 2))[0]


def _form(fields: Mapping[str, str]) -> bytes:
    encoded = urlencode({name: text.encode("utf-8", "surrogatepass") for name, text in fields.items()})
    return b"form_token=" + FORM_TOKEN + (b"&" + encoded.encode() if encoded else b"")


def _typed(route: Route, chance: random.Random, text: str) -> Attack:
    """Put a text into one field of the form."""
    fields = dict(FORMS[route.path])
    fields[chance.choice(sorted(fields) or ["name"])] = text
    return _page(route, chance, body=_form(fields))


def filled_in(route: Route, chance: random.Random) -> Attack:
    """Fill several fields with anything, damaged once in a while."""
    fields = {name: chance.choice((text, text, *TEXTS)) for name, text in FORMS.get(route.path, {}).items()}
    body = _form(fields)
    return _page(route, chance, body=damaged(body, chance) if chance.random() < 0.3 else body)


def _unasked(route: Route, chance: random.Random) -> Attack:
    """Ask for a page as machines do: a refusal is JSON then."""
    return Attack(route.method, f"{route.plain(chance)}?{chance.choice(PAGE_QUERIES)}", token=who(chance))


def damaged_upload(route: Route, chance: random.Random) -> Attack:
    """Damage a multipart body anywhere."""
    body = damaged(chance.choice([one for one in MULTIPARTS if len(one) < 4_000]), chance)
    return _page(route, chance, body=body, kind=MULTIPART_TYPES[0])


def generated_calls(routes: list[Route], chance: random.Random) -> Iterator[Attack]:
    """Yield generated attacks on pages for ever."""
    gets = [route for route in routes if route.method == "GET"]
    forms = [route for route in routes if route.method == "POST"]
    names = ("range", "project", "from", "to", "search", "cursor", "code", "token", "next")
    while True:
        match chance.choices(range(3), weights=(35, 45, 20))[0]:
            case 0:
                pairs = [
                    (chance.choice(names), text.encode("utf-8", "surrogatepass")) for text in chance.choices(TEXTS, k=3)
                ]
                yield _page(chance.choice(gets), chance, query=urlencode(pairs))
            case 1:
                yield filled_in(chance.choice(forms), chance)
            case _:
                yield damaged_upload(chance.choice(forms), chance)
