"""What an answer must be, by the kind of path that was called.

Belongs here: the shapes of refusals, and what no answer may hold. Does not belong here: sending (`raw_http`), counting
(`campaign`).

    machine    {"error": {"code", "message"}}: /v1, /webhooks, and pages asked for without `Accept: text/html`
    scim       the SCIM error body with the answer's own status
    page       a page that says what is wrong and repeats nothing; or the form or the list again, with what was typed or
               filtered by in its fields and in the queries of its links, and nowhere else
"""

from __future__ import annotations

import json
from enum import StrEnum
from html.parser import HTMLParser
from urllib.parse import unquote

from tests.faults.hostile.raw_http import NO_ANSWER, Answer
from tests.faults.hostile.requests import Attack

NOT_HTTP = b"Invalid HTTP request received."
"""What the HTTP parser itself answers, before there is a request to answer in JSON."""
HONEST_503 = frozenset({"busy", "misrouted"})
"""Bodies above the budget of bytes, and uploads to a wrong path, which daemons must keep."""
MACHINE_PATHS = ("/v1/", "/scim/", "/webhooks/", "/health", "/metrics", "/openapi.json")
SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TAKEN = frozenset({200, 201, 202, 204, 304})
LEADS_ON = frozenset({303, 308})
_LENGTH_MAX = 200


class Kind(StrEnum):
    """Whom a path is for."""

    MACHINE = "machine"
    SCIM = "scim"
    PAGE = "page"


def kind_of(path: str) -> Kind:
    """Return whom a path is for."""
    if path.startswith("/scim/"):
        return Kind.SCIM
    return Kind.MACHINE if path.startswith(MACHINE_PATHS) else Kind.PAGE


def wrong(attack: Attack, answer: Answer, mark: str) -> tuple[str | None, str]:
    """Judge an answer.

    Args:
        attack: what was sent.
        answer: what came back.
        mark: planted in this request and in no other.

    Returns:
        What is wrong, None when nothing is; and the code of an honest 503, else nothing.
    """
    if answer == NO_ANSWER:
        return (None if attack.raw is not None else "no answer to a whole request"), ""
    kind = kind_of(unquote(attack.target.partition("?")[0]))
    fault, code = _wrong_page(kind, attack, answer, mark) if _is_page(answer) else None, ""
    if answer.status < 400:
        return fault or _wrong_success(kind, attack, answer, mark), ""
    if fault is None and not _is_page(answer):
        fault, code = _wrong_refusal(kind, attack, answer, mark)
    if mark in repr(answer.headers):
        fault = "a refusal repeats the input in its headers"
    excused = answer.status == 503 and code in HONEST_503
    if fault is None and answer.status >= 500 and not excused:
        fault = "a server error"
    return fault, code if excused else ""


def _is_page(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").startswith("text/html")


def _wrong_refusal(kind: Kind, attack: Attack, answer: Answer, mark: str) -> tuple[str | None, str]:
    if mark.encode() in answer.body:
        return "a refusal repeats the input", ""
    code = _reason(kind, attack, answer)
    return (f"a refusal that is not as those of {kind} are" if code is None else None), code or ""


def _wrong_success(kind: Kind, attack: Attack, answer: Answer, mark: str) -> str | None:
    if answer.status in TAKEN:
        return None
    if answer.status not in LEADS_ON or (kind is not Kind.PAGE and attack.raw is None):
        return "an answer no route gives"
    target = answer.headers.get("location", "")
    own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isascii() and target.isprintable()
    if not own or "://" in target.partition("?")[0]:
        return "a redirect that leaves the server"
    return (
        "a redirect that repeats a header"
        if any(mark in str(one) for one in attack.headers.values())
        and (mark in target and mark not in attack.target and mark.encode() not in (attack.body or b""))
        else None
    )


def _reason(kind: Kind, attack: Attack, answer: Answer) -> str | None:
    """Return the code of a refusal in JSON, None when it is not as refusals must be."""
    if (answer.status == 400 and answer.body == NOT_HTTP) or attack.method == "HEAD":
        return ""
    shapes = (_scim_code,) if kind is Kind.SCIM else (_code,)
    if attack.raw is not None:  # its path may have been damaged into another's
        shapes = (_scim_code, _code)
    try:
        said = json.loads(answer.body)
    except ValueError:
        return None
    return next((code for shape in shapes if (code := shape(said, answer)) is not None), None)


def _code(said: object, answer: Answer) -> str | None:
    match said:
        case {"error": {"code": str() as code, "message": str() as message, **more}, **others}:
            json_type = answer.headers.get("content-type", "").startswith("application/json")
            return code if json_type and not more and not others and code and _is_plain(message) else None
        case _:
            return None


def _scim_code(said: object, answer: Answer) -> str | None:
    match said:
        case {"schemas": [str() as schema], "status": str() as status, "detail": str() as detail, **more}:
            as_scim = answer.headers.get("content-type", "").startswith("application/scim+json")
            known = schema == SCIM_ERROR and status == str(answer.status) and set(more) <= {"scimType"}
            plain = _is_plain(detail) and str(more.get("scimType", "a")).isalpha()
            return str(more.get("scimType", "")) if as_scim and known and plain else None
        case _:
            return None


def _is_plain(words: str) -> bool:
    return 0 < len(words) <= _LENGTH_MAX and words.isprintable()


class _Page(HTMLParser):
    """Where a page says what."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark
        self._open: list[str] = []
        self.headings = 0
        self.is_error = False
        self.executed: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.headings += tag == "h1"
        self._open = [tag]
        for name, text in attrs:
            typed = tag in ("input", "option") and name == "value"
            typed |= tag == "a" and name == "href" and self._mark not in str(text).partition("?")[0]
            if (self._mark in name or name.startswith("on")) or (self._mark in (text or "") and tag == "script"):
                self.executed.append(f"<{tag} {name}>")
            elif self._mark in (text or "") and not typed:
                self.said.append(f"<{tag} {name}={text}>")
        if self._mark.lower() in tag:
            self.executed.append(tag)

    def handle_data(self, data: str) -> None:
        self.is_error |= data.startswith("Code: ")
        if self._mark in data:
            if self._open == ["script"]:
                self.executed.append(data)
            elif self._open not in (["textarea"], ["option"]):
                self.said.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = []


def _parsed(answer: Answer, mark: str) -> _Page:
    page = _Page(mark)
    page.feed(answer.body.decode())
    page.close()
    return page


def _wrong_page(kind: Kind, attack: Attack, answer: Answer, mark: str) -> str | None:
    """Return what is wrong with a page, whatever its status."""
    if kind is not Kind.PAGE:
        return "a page for a machine"
    if "default-src 'none'" not in answer.headers.get("content-security-policy", ""):
        return "a page without its policy"
    if attack.method == "HEAD":  # has no body
        return None
    page = _parsed(answer, mark)
    if page.executed:
        return f"what was sent became markup: {page.executed[0][:80]}"
    if page.headings != 1:
        return f"a page with {page.headings} headings"
    return _wrong_error_page(page, attack, answer, mark) if answer.status >= 400 else None


def _wrong_error_page(page: _Page, attack: Attack, answer: Answer, mark: str) -> str | None:
    asked = attack.raw is None and "text/html" in str(attack.headers.get("Accept"))
    if page.is_error and not asked:
        return "an error page for a machine"
    if page.is_error and mark.encode() in answer.body:
        return "an error page repeats the input"
    return f"a page that refuses repeats the input: {page.said[0][:80]}" if page.said else None
