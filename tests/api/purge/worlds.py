"""A home with a workspace that goes and one that stays, each with a trace in every place a workspace leaves one.

Belongs here: building it, copying it, and looking into every file. Does not belong here: assertions.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow.parquet as pq
from PIL import Image
from sqlalchemy import Engine, select

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.migrate import upgrade
from api.db.models import Base, BrowserSession, Device, Plan, Reattribution, Role, SignInAttempt, Workspace
from api.db.session import transaction
from api.exporting.making import make_export
from api.ingest.group import GroupCommitter
from api.ingest.prepare import Sender, prepare
from api.members.acting import Acting
from api.members.invitations import invite
from api.members.letters import Letters
from api.members.removal import remove_member
from api.members.roster import add_member
from api.outbox.queue import Mail, MailKind, Seal, queue_mail
from api.outbox.sender import Sender as MailSender
from api.outbox.transports.folder import FolderTransport
from api.people import find_or_create_person
from api.workspaces import create_workspace
from api.workspaces.deletion import request_deletion
from api.workspaces.exports import request_export
from api.workspaces.logos import set_logo
from api.workspaces.slugs import change_slug
from pipelines.compaction import compact
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.wire_records import batch, instant, record, uuid_from

BEGIN = datetime(2026, 11, 18, 12, tzinfo=UTC)
BY = Acting(OPERATOR)
GOING, STAYING = "zirkonworks", "beta"
ONLY_HERE = ("goer@zirkon.example", "former@zirkon.example", "invited@zirkon.example")
OWNER = "owner@both.example"


@dataclass
class World:
    """One such home.

    Attributes:
        ids: of the workspaces, by slug.
        senders: a laptop by workspace slug.
    """

    home: Home
    clock: FixedClock = field(default_factory=lambda: FixedClock(BEGIN))
    engine: Engine = field(init=False)
    ids: dict[str, str] = field(default_factory=dict[str, str])
    senders: dict[str, Sender] = field(default_factory=dict[str, Sender])

    def __post_init__(self) -> None:
        self.engine = open_database(f"sqlite:///{self.home.root / 'app.sqlite'}")

    @property
    def going(self) -> str:
        return self.ids[GOING]

    @property
    def staying(self) -> str:
        return self.ids[STAYING]

    def id_of(self, slug: str) -> str:
        return self.ids[slug]

    def build(self) -> None:
        """Fill an empty home."""
        upgrade(self.engine)
        letters = Letters(Seal(self.home), "https://meter.example")
        for slug in (GOING, STAYING):
            self._workspace(slug, letters)
        for day in (0, 1):
            for slug in (GOING, STAYING):
                for part in (1, 2):
                    self.send(slug, self.rows(slug, f"{day}{part}"))
            self.clock.advance(timedelta(days=1))
        refresh(self.home, self.engine, self.clock)
        compact(self.home, self.engine, self.clock)
        self._superseded_build()
        self._leave_traces(letters)
        run_history(self.home).dispose()

    def rows(self, slug: str, name: str) -> list[dict[str, Any]]:
        """Return records; one in ten is set aside at the door."""
        made: list[dict[str, Any]] = []
        for index in range(10):
            at = self.clock.now() - timedelta(minutes=index)
            changes: dict[str, Any] = {"requested_at": instant(at), "recorded_at": instant(at)}
            made.append(record(f"{slug} {name} {index}", project=f"{slug}-project-{index % 2}", **changes))
        made[-1]["input_tokens"] = -1
        made[-1]["extra_words"] = f"{slug} said something"
        return made

    def send(self, slug: str, rows: list[dict[str, Any]]) -> None:
        committer = GroupCommitter(self.home, self.engine, self.clock)
        try:
            committer.submit(prepare(batch(rows), self.senders[slug], self.clock.now())).result(timeout=30)
        finally:
            committer.close()

    @property
    def needles(self) -> list[bytes]:
        """What must be nowhere afterwards."""
        ids = [record(f"{GOING} {day}{part} {index}")["id"] for day in (0, 1) for part in (1, 2) for index in range(10)]
        words = [self.going, GOING, "zirkon-before", "Zirkon Works", "zirkon-laptop", *ONLY_HERE, *ids]
        return [word.encode() for word in words] + [UUID(self.going).bytes]

    def ask_for_deletion(self) -> None:
        with transaction(self.engine) as session:
            letters = Letters(Seal(self.home), "https://meter.example")
            request_deletion(session, self.going, GOING, by=BY, letters=letters, at=self.clock.now())

    def rows_of(self, workspace_id: str) -> dict[str, list[Any]]:
        """Return every row of a workspace by table."""
        with self.engine.connect().execution_options(read_only=True) as connection:
            return {
                table.name: [
                    tuple(row)
                    for row in connection.execute(select(table).where(key == workspace_id).order_by(*table.primary_key))
                ]
                for table in Base.metadata.sorted_tables
                if (key := table.c.get("workspace_id", table.c.id if table.name == "workspaces" else None)) is not None
            }

    def landed_digests(self, workspace_id: str) -> dict[str, str]:
        """Return the digest of every landed file of a workspace."""
        folder = self.home.landing / workspace_id
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def _workspace(self, slug: str, letters: Letters) -> None:
        at = self.clock.now()
        name = "Zirkon Works" if slug == GOING else "Beta"
        first_slug = "zirkon-before" if slug == GOING else "beta-before"
        with transaction(self.engine) as session:
            made = create_workspace(
                session, name=name, owner_email=OWNER, plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=at,
                slug=first_slug,
            )  # fmt: skip
        workspace_id = self.ids[slug] = made.id
        with transaction(self.engine) as session:
            change_slug(session, workspace_id, slug, actor=OPERATOR, at=at)
            create_api_key(session, workspace_id, name=f"{slug} key", actor=OPERATOR, at=at)
            set_logo(session, workspace_id, _picture(), actor=OPERATOR, at=at)
            domain = "zirkon.example" if slug == GOING else "beta.example"
            add_member(session, workspace_id, f"goer@{domain}", Role.MEMBER, by=BY, at=at)
            former = add_member(session, workspace_id, f"former@{domain}", Role.MEMBER, by=BY, at=at)
            remove_member(session, workspace_id, former.user_id, by=BY, letters=letters, at=at)
            invite(session, workspace_id, f"invited@{domain}", Role.MEMBER, by=BY, letters=letters, at=at)
            self.senders[slug] = Sender(workspace_id, uuid_from(f"laptop of {slug}"))
            session.add(
                Device(
                    id=self.senders[slug].device_id, workspace_id=workspace_id, hostname=f"{domain[:6]}-laptop",
                    platform="Linux", daemon_version="0.6.4", paired_at_us=to_micros(at),
                )
            )  # fmt: skip
            session.add(
                Reattribution(
                    id=uuid_from(f"move {slug}"), workspace_id=workspace_id, position=1, from_slug=f"{slug}-project-0",
                    to_slug=f"{slug}-project-1", decided_by=OWNER, decided_at_us=to_micros(at), reason=f"{slug} moved",
                )
            )  # fmt: skip

    def _superseded_build(self) -> None:
        """Leave a snapshot of an earlier build, and a segment that only it names."""
        (snapshot,) = self.home.marts.glob("marts-b*.duckdb")
        shutil.copy(snapshot, snapshot.with_name("marts-b20261101T000000-00000000.duckdb"))
        segment = next(self.home.segments.glob("*.parquet"))
        shutil.copy(segment, segment.with_name(f"{'0' * 32}.parquet"))

    def _leave_traces(self, letters: Letters) -> None:
        at = self.clock.now()
        with transaction(self.engine) as session:
            goer = find_or_create_person(session, ONLY_HERE[0], at)
            session.add(
                BrowserSession(
                    id=uuid_from("session"), token_sha256="0" * 64, user_id=goer.id, method="email", user_agent="x",
                    remote_address="203.0.113.9", created_at_us=1, last_seen_at_us=1, expires_at_us=2**50,
                )
            )  # fmt: skip
            for number, (email, path) in enumerate([(goer.email, "/"), (OWNER, f"/{GOING}/overview"), (OWNER, "/x")]):
                session.add(
                    SignInAttempt(
                        id=uuid_from(("attempt", number)), email=email, browser_sha256="0" * 64,
                        link_sha256=f"{number}" * 64, code_sha256="0" * 64, next_path=path, remote_address="::1",
                        created_at_us=1, expires_at_us=2,
                    )
                )  # fmt: skip
            queue_mail(session, letters.seal, Mail(MailKind.SIGN_IN, goer.email, "Sign in", "A link"), at=at)
            queue_mail(session, letters.seal, Mail(MailKind.SIGN_IN, OWNER, "Sign in", "Another link"), at=at)
            exports = {slug: request_export(session, self.id_of(slug), by=BY, at=at).id for slug in (GOING, STAYING)}
        transport = FolderTransport(self.home.mail, Address("H", "h", "x.example"))
        MailSender(self.engine, letters.seal, transport, self.clock).send_due()
        for export_id in exports.values():
            assert make_export(self.home, self.engine, self.clock, export_id)
        for folder in (
            self.home.serving_spill,
            self.home.warehouse.parent / "spill",
            self.home.warehouse.parent / ".tmp-x",
        ):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "spilled.tmp").write_text(f"{GOING}-project-0")
        (self.home.segments / ".tmp-0123-a.rows").write_bytes(GOING.encode())
        (self.home.mail / "killed.123.tmp").write_text(ONLY_HERE[0])
        for slug in (GOING, STAYING):
            (self.home.reports / self.id_of(slug)).mkdir(parents=True)
            (self.home.reports / self.id_of(slug) / "may.pdf").write_text(f"{slug} spent")
            (self.home.root / "demo-laptops" / slug).mkdir(parents=True)
            (self.home.root / "demo-laptops" / slug / "laptop.db").write_text(slug)


def copied(built: Path, folder: Path) -> World:
    """Return a copy of a built home."""
    home = Home(folder / "home")
    shutil.copytree(built, home.root)
    world = World(home, FixedClock(BEGIN + timedelta(days=2)))
    with world.engine.connect().execution_options(read_only=True) as connection:
        world.ids = {slug: one for one, slug in connection.execute(select(Workspace.id, Workspace.slug)).all()}
    world.senders = {slug: Sender(world.id_of(slug), uuid_from(f"laptop of {slug}")) for slug in (GOING, STAYING)}
    return world


def contents(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file of a home with its bytes, and what compressed ones say once they are read."""
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        yield path, str(path.relative_to(root)).encode() + b"\n" + path.read_bytes()
        if path.suffix == ".parquet":
            yield path, repr(pq.read_table(path).to_pylist()).encode()
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.execute("select table_name from duckdb_tables()").fetchall()
                for (table,) in tables:
                    yield path, repr(connection.execute(f'select * from "{table}"').fetchall()).encode()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield path, archive.read(name)


def found_in(root: Path, needles: list[bytes]) -> list[tuple[str, bytes]]:
    """Return where the needles are, by file and needle."""
    return [
        (str(path.relative_to(root)), needle)
        for path, content in contents(root)
        for needle in needles
        if needle in content
    ]


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(stream, "PNG")
    return stream.getvalue()
