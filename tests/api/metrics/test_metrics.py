"""Metrics: who may read them, what they count, and several workers in one answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.db.session import transaction
from api.metrics.routes import TOKEN_VARIABLE
from api.metrics.sharing import SharedFigures, merged
from api.outbox.queue import Mail, MailKind, queue_mail
from tests.api.dashboards.facts import NOW, ZONES
from tests.api.dashboards.world import World, build_world

SLUG = next(iter(ZONES))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = build_world(tmp_path_factory.mktemp("metrics"))
    yield built
    built.close()


@pytest.fixture
def server(world: World) -> Iterator[TestClient]:
    app = create_app(world.home, engine=world.engine, clock=world.clock, sends_mail=False)
    with TestClient(app, client=("127.0.0.1", 50_000)) as client:
        yield client


def series(text: str) -> dict[str, float]:
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}


def counted(text: str, name: str, **labels: str) -> float:
    return sum(
        value
        for key, value in series(text).items()
        if key.split("{")[0] == name and all(f'{label}="{wanted}"' in key for label, wanted in labels.items())
    )


def test_calls_are_counted_by_template_and_status_and_no_path_is_a_label(server: TestClient, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.keys[SLUG]}"}
    for _ in range(3):  # the second and third are given again without reaching the route
        assert server.get(f"/v1/{SLUG}/overview", headers=headers).status_code == 200
    assert server.get(f"/v1/{SLUG}/projects/no-such", headers=headers).status_code == 404
    assert server.get("/no/such/path/at/all").status_code == 404
    text = server.get("/metrics").text
    name = "http_server_request_duration_seconds_count"
    assert counted(text, name, route="/v1/{workspace}/overview", status="200", method="GET") == 3
    assert counted(text, name, route="/v1/{workspace}/projects/{slug}", status="404") == 1
    assert counted(text, name, route="(none)", status="404") == 1
    assert (
        counted(text, "http_server_request_duration_seconds_bucket", route="/v1/{workspace}/overview", le="10.0") == 3
    )
    assert SLUG not in re.sub(r"# .*", "", text)
    assert "no-such" not in text


def test_the_build_the_outbox_and_the_pool_are_told(server: TestClient, world: World) -> None:
    mail = Mail(MailKind.SIGN_IN, "vk@acme.co", "s", "t", None)
    with transaction(world.engine) as session:
        queue_mail(session, server.app.state.mail_seal, mail, at=NOW)  # type: ignore[attr-defined]
    world.clock.advance(timedelta(seconds=90))
    found = series(server.get("/metrics").text)
    assert found["halton_outbox_waiting"] == 1
    assert found["halton_outbox_lag_seconds"] >= 90
    assert "halton_build_age_seconds" in found
    assert counted(server.get("/metrics").text, "halton_database_pool_connections", state="in_use") >= 0


def test_without_a_token_only_this_machine_may_read(world: World) -> None:
    app = create_app(world.home, engine=world.engine, clock=world.clock, sends_mail=False)
    with TestClient(app, client=("203.0.113.9", 50_000)) as elsewhere:
        assert elsewhere.get("/metrics").status_code == 404
    with TestClient(app, client=("127.0.0.1", 50_000)) as proxied:
        assert proxied.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


def test_with_a_token_whoever_brings_it_may_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret")
    app = create_app(world.home, engine=world.engine, clock=world.clock, sends_mail=False)
    with TestClient(app, client=("203.0.113.9", 50_000)) as elsewhere:
        assert elsewhere.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    with TestClient(app, client=("127.0.0.1", 50_000)) as here:
        assert here.get("/metrics").status_code == 401
        assert here.get("/metrics", headers={"Authorization": "Bearer s3cre"}).status_code == 401


def test_every_live_worker_is_in_the_answer_of_each_and_a_dead_one_is_not(tmp_path: Path) -> None:
    figures = [
        SharedFigures(tmp_path, lambda n=n: f'# HELP a A.\n# TYPE a counter\na{{x="1"}} {n}.0\n') for n in (1, 2)
    ]
    for one in figures:
        one.start()
        one.all_text()
    (tmp_path / "999-dead.prom").write_text("a 7\n")
    (tmp_path / "999-dead.lock").touch()
    for one in figures:
        text = one.all_text()
        assert counted(text, "a", x="1") == 3
        assert text.count("# TYPE a counter") == 1
        assert all(f'worker="{other.worker}"' in text for other in figures)
    assert not list(tmp_path.glob("999-*"))
    figures[0].stop()
    assert counted(figures[1].all_text(), "a") == 2
    figures[1].stop()
    assert list(tmp_path.iterdir()) == []


def test_families_of_several_workers_stand_together() -> None:
    one = '# HELP a A.\n# TYPE a counter\na 1\n# HELP b B.\n# TYPE b gauge\nb{x="}"} 2\n'
    assert merged({"w": one, "v": one}).splitlines() == [
        "# HELP a A.", "# TYPE a counter", 'a{worker="v"} 1', 'a{worker="w"} 1',
        "# HELP b B.", "# TYPE b gauge", 'b{worker="v",x="}"} 2', 'b{worker="w",x="}"} 2',
    ]  # fmt: skip
