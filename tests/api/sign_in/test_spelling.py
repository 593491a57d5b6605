"""What addresses, paths and names become: pure rules, and what hostile input makes of them."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.errors import Refused
from api.people import normal_email
from api.sign_in.first_workspace import FREE_MAIL_DOMAINS, workspace_name
from api.sign_in.paths import own_path
from api.workspaces import slug_of

_HOSTILE = st.text(st.sampled_from("/\\@:?#&=.%\t\r\n\x00 aeil\u202e\u2044\u3002\uff0f\u00e9-signoutup"), max_size=40)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("vk@acme.co", "vk@acme.co"),
        ("  VK@ACME.CO ", "vk@acme.co"),
        ("vk+halton@acme.co", "vk+halton@acme.co"),
        ("o'neil_{x}~a-b@sub.acme.co.uk", "o'neil_{x}~a-b@sub.acme.co.uk"),
        ("vk@M\u00fcnchen.de", "vk@xn--mnchen-3ya.de"),
        ("vk@stra\u00dfe.de", "vk@xn--strae-oqa.de"),
        ("vk@xn--mnchen-3ya.de", "vk@xn--mnchen-3ya.de"),
        ("vk@acme\u3002co", "vk@acme.co"),
        ("vk@\uff21cme.co", "vk@acme.co"),
    ],
)
def test_an_address_has_one_spelling(typed: str, address: str) -> None:
    assert normal_email(typed) == address
    assert normal_email(address) == address


@settings(max_examples=50)
@given(st.text(max_size=80) | st.builds("{}@{}".format, _HOSTILE, _HOSTILE))
@example("\ud800@acme.co")
@example("vk@acme.co\n")
def test_whatever_is_typed_becomes_a_plain_address_or_is_refused(typed: str) -> None:
    try:
        address = normal_email(typed)
    except Refused:
        return
    assert address.isascii()
    assert address.isprintable()
    assert address == address.lower()
    assert not set(address) & set(' <>,;:"\\()[]')
    assert address.count("@") == 1
    assert len(address) <= 318
    assert normal_email(address) == address


@pytest.mark.parametrize(
    "path",
    ["/", "/acme-co/overview", "/connect?code=WXJ4-9KPM&workspace=acme", "/a#b", "/invitations/x", "/signinx", "/a//b"],
)
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "x", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "/\t/evil.example",
        "/\n/evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "/a b", "/\u2044evil", "/signin",
        "/signin?next=/x",
        "/signout", "/signup", "/" + "a" * 2_000, " //evil.example", "/a\\b", "///evil.example", "/\x00",
    ],
)  # fmt: skip
def test_any_other_path_leads_home(path: str) -> None:
    assert own_path(path) == "/"


@settings(max_examples=50)
@given(_HOSTILE | st.builds("/{}".format, _HOSTILE))
def test_no_path_leads_to_another_server(typed: str) -> None:
    path = own_path(typed)
    # Browsers drop tabs and line ends, and read a backslash as a slash.
    as_browsers_read_it = path.replace("\t", "").replace("\r", "").replace("\n", "").replace("\\", "/")
    assert urlsplit(urljoin("https://meter.example/signin", as_browsers_read_it)).netloc == "meter.example"
    path.encode("ascii")
    assert path.isprintable()


@pytest.mark.parametrize(
    ("email", "name", "slug"),
    [
        ("vk@acme.co", "acme.co", "acme-co"),
        ("vk@mail.acme.co.uk", "mail.acme.co.uk", "mail-acme-co-uk"),
        ("vk@xn--mnchen-3ya.de", "m\u00fcnchen.de", "munchen-de"),
        ("vk@gmail.com", "vk", "vk"),
        ("v.k+halton@googlemail.com", "v.k", "v-k"),
        ("+@gmx.de", "+", "workspace"),
        ("vk@xn--0.example", "xn--0.example", "xn-0-example"),
    ],
)
def test_the_first_workspace_is_named_after_the_domain_or_the_person(email: str, name: str, slug: str) -> None:
    assert workspace_name(email) == name
    assert slug_of(name) == slug


def test_free_mail_domains_are_spelled_as_addresses_are() -> None:
    for domain in FREE_MAIL_DOMAINS:
        assert normal_email(f"vk@{domain}") == f"vk@{domain}"
