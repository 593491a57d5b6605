"""How long a browser is known, and what is stored of it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, func, select

from api.access.browser_sessions import (
    SESSION_COOKIE,
    end_sessions_of,
    find_session,
    form_token,
    new_browser_secret,
    start_session,
)
from api.db.models import BrowserSession
from api.db.session import reading, transaction
from pipelines.lake.clock import FixedClock
from tests.api.conftest import People
from tests.conftest import on_sqlite


def known(engine: Engine, clock: FixedClock, cookie: str | None) -> bool:
    return find_session(engine, cookie, clock) is not None


def test_a_session_ends_fourteen_days_after_its_last_use(people: People, engine: Engine, clock: FixedClock) -> None:
    cookie = people.sign_in("vk@acme.co").client.cookies[SESSION_COOKIE]
    for _ in range(3):
        clock.advance(timedelta(days=13))
        assert known(engine, clock, cookie)
    clock.advance(timedelta(days=14))
    assert not known(engine, clock, cookie)
    clock.advance(-timedelta(seconds=1))
    assert known(engine, clock, cookie)


@on_sqlite
def test_a_session_ends_ninety_days_after_the_sign_in_however_often_it_is_used(
    people: People, engine: Engine, clock: FixedClock
) -> None:
    cookie = people.sign_in("vk@acme.co").client.cookies[SESSION_COOKIE]
    for _ in range(8):
        clock.advance(timedelta(days=11))
        assert known(engine, clock, cookie)
    clock.advance(timedelta(days=2) - timedelta(seconds=1))
    assert known(engine, clock, cookie)
    clock.advance(timedelta(seconds=1))
    assert not known(engine, clock, cookie)


def test_signing_out_everywhere_ends_a_persons_sessions_and_nobody_elses(
    people: People, engine: Engine, clock: FixedClock
) -> None:
    browsers = [people.sign_in(email) for email in ("vk@acme.co", "vk@acme.co", "other@acme.co")]
    with transaction(engine) as session:
        end_sessions_of(session, browsers[0].user_id, clock.now())
    assert [known(engine, clock, one.client.cookies[SESSION_COOKIE]) for one in browsers] == [False, False, True]


@on_sqlite
def test_use_is_written_down_at_most_every_five_minutes(people: People, engine: Engine, clock: FixedClock) -> None:
    cookie = people.sign_in("vk@acme.co").client.cookies[SESSION_COOKIE]
    noted: list[int | None] = []
    for seconds in (0, 300, 1):
        clock.advance(timedelta(seconds=seconds))
        find_session(engine, cookie, clock)
        with reading(engine) as session:
            noted.append(session.scalar(select(BrowserSession.last_seen_at_us)))
    assert noted[0] == noted[1] != noted[2]


@on_sqlite
def test_the_database_holds_no_cookie_and_no_form_token(people: People, engine: Engine) -> None:
    cookie = people.sign_in("vk@acme.co").client.cookies[SESSION_COOKIE]
    with reading(engine) as session:
        row = session.scalars(select(BrowserSession)).one()
        stored = " ".join(str(getattr(row, column.name)) for column in BrowserSession.__table__.columns)
    assert cookie not in stored
    assert form_token(cookie) not in stored


@on_sqlite
def test_what_a_browser_calls_itself_fits_and_is_printable(people: People, engine: Engine, clock: FixedClock) -> None:
    person = people.sign_in("vk@acme.co")
    with transaction(engine) as session:
        start_session(
            session, person.user_id, method="test", user_agent="\x00\u202e\ud800" + "x" * 5_000, address="::1",
            at=clock.now() + timedelta(seconds=1),
        )  # fmt: skip
    with reading(engine) as session:
        agent = session.scalars(select(BrowserSession.user_agent).order_by(BrowserSession.created_at_us.desc())).first()
    assert agent == "   " + "x" * 252


@on_sqlite
def test_sessions_that_ended_long_ago_are_swept(people: People, engine: Engine, clock: FixedClock) -> None:
    people.sign_in("vk@acme.co")
    clock.advance(timedelta(days=16))
    people.sign_in("other@acme.co")
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(BrowserSession)) == 1


def test_secrets_are_fresh() -> None:
    assert len({new_browser_secret() for _ in range(100)}) == 100
