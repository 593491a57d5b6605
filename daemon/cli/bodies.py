"""`halton-meter bodies`: what is kept of chosen projects' requests and answers.

Belongs here: listing, showing and forgetting. Does not belong here: choosing projects (`[bodies]` in `config.toml`),
redaction (`daemon.bodies`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from daemon.cli.state import CliState, PlainFailure, plain_failures

if TYPE_CHECKING:
    from daemon.store.kept_bodies import BodyHeading, KeptBody
    from daemon.store.store import Store

_SHORT_ID: Final = 8
_SEARCHED_MAX: Final = 100_000
_DIRECTIONS: Final = ("request", "response")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
project_option = click.option("--project", metavar="SLUG", help="Only this project's.")


@click.group()
def bodies() -> None:
    """Show or forget texts kept for chosen projects.

    Nothing is kept unless config.toml names a project: projects = ["acme-api"] under [bodies]. Keys, tokens, passwords,
    card numbers, e-mail addresses and pictures are taken out before anything is written. Bodies never leave this
    machine, and go when their calls do (store.retention_days).
    """


@bodies.command("list", epilog="\b\nExample:\n  halton-meter bodies list --project acme-api")
@project_option
@click.option(
    "--limit", type=click.IntRange(1, _SEARCHED_MAX), default=50, show_default=True, help="The newest so many."
)
@json_option
@click.pass_obj
def list_kept(state: CliState, project: str | None, limit: int, *, as_json: bool) -> None:
    """List what is kept, the newest first."""
    with _store(state) as store:
        headings = [] if store is None else store.list_bodies(limit, project=project)
    if as_json:
        click.echo(json.dumps({"bodies": [_as_shown(heading) for heading in headings]}))
    elif headings:
        _print_table(headings)
    else:
        click.echo("Nothing is kept." if project is None else f"Nothing is kept of {_safe(project)}.")
        click.echo(f'To keep a project\'s: projects = ["slug"] under [bodies] in {_safe(str(state.home.config_path))}')


@bodies.command(epilog="\b\nExample:\n  halton-meter bodies show 3f2a")
@click.argument("call_id", metavar="ID")
@click.option("--only", type=click.Choice(_DIRECTIONS), help="Only one direction.")
@json_option
@click.pass_obj
def show(state: CliState, call_id: str, only: str | None, *, as_json: bool) -> None:
    """Show what is kept of one call; the beginning of its ID is enough."""
    with _store(state) as store:
        found = [] if store is None else [one for one in _of_call(store, call_id) if only in (None, one.direction)]
    if not found:
        raise PlainFailure(f"Nothing is kept of call {_safe(call_id)}. Run `halton-meter bodies list`.")
    if as_json:
        click.echo(json.dumps({"bodies": [_as_shown(one) for one in found]}))
        return
    for one in found:
        _print_body(one)


@bodies.command(epilog="\b\nExample:\n  halton-meter bodies forget --project acme-api")
@project_option
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def forget(state: CliState, project: str | None, *, is_sure: bool, as_json: bool) -> None:
    """Remove what is kept, of one project or of all; the calls themselves stay."""
    whose = "of all projects" if project is None else f"of {_safe(project)}"
    if not is_sure:
        if as_json:
            raise click.UsageError("--json does not ask: add --yes.")
        click.confirm(f"Remove all requests and answers {whose} from this machine?", abort=True)
    with _store(state) as store:
        removed = 0 if store is None else store.forget_bodies(project)
    if as_json:
        click.echo(json.dumps({"removed": removed}))
    else:
        click.echo(f"● Removed {removed} {'body' if removed == 1 else 'bodies'} {whose}.")


@contextmanager
def _store(state: CliState) -> Iterator[Store | None]:
    """Open the store; None where there is none yet, which looking must not make."""
    from daemon.clock import SystemClock  # noqa: PLC0415 - keeps --help instant
    from daemon.store.errors import StoreError  # noqa: PLC0415
    from daemon.store.store import Store  # noqa: PLC0415

    with plain_failures():
        path = state.home.database_path
        if not path.exists():
            yield None
            return
        try:
            with Store(path, SystemClock()) as store:
                yield store
        except StoreError as error:
            raise PlainFailure(_safe(str(error))) from error


def _of_call(store: Store, call_id: str) -> list[KeptBody]:
    """Return what is kept of the call whose id begins so.

    Raises:
        PlainFailure: several do.
    """
    wanted = call_id.lower()
    headings = store.list_bodies(_SEARCHED_MAX) if wanted else []
    matching = {heading.call_id for heading in headings if heading.call_id.startswith(wanted)}
    if len(matching) > 1:
        raise PlainFailure(f"{len(matching)} calls begin with {_safe(call_id)}: give more of the ID.")
    return store.bodies(matching.pop()) if matching else []


def _as_shown(one: BodyHeading | KeptBody) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - keeps --help instant

    from daemon.clock import iso_of_micros  # noqa: PLC0415

    shown = msgspec.to_builtins(one)
    instants = {name: shown.pop(name) for name in list(shown) if name.endswith("_at_us")}
    return shown | {name.removesuffix("_us"): iso_of_micros(at_us) for name, at_us in instants.items()}


def _print_table(headings: Sequence[BodyHeading]) -> None:
    from daemon.clock import iso_of_micros  # noqa: PLC0415 - keeps --help instant

    rows = [("ID", "REQUESTED (UTC)", "PROJECT", "MODEL", "WHAT", "KEPT", "OF BYTES", "TAKEN OUT")]
    rows += [
        (
            one.call_id[:_SHORT_ID],
            iso_of_micros(one.requested_at_us)[:19].replace("T", " "),
            _safe(one.project, 24),
            _safe(one.model, 32),
            one.direction,
            f"{one.kept_characters:,}",
            f"{one.original_size_bytes:,}",
            _safe(", ".join(one.redactions), 60),
        )
        for one in headings
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_body(body: KeptBody) -> None:
    removed = ", ".join(body.redactions) or "nothing"
    kind = body.content_type or "no content type"
    click.echo(_safe(f"── {body.direction}, {kind}, {body.original_size_bytes:,} bytes; taken out: {removed}"))
    for line in _readable(body.text).split("\n"):
        click.echo(_safe(line))
    click.echo()


def _readable(text: str) -> str:
    """Return JSON with its lines broken, anything else as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _safe(text: str, longest: int | None = None) -> str:
    from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant

    return printable(text, longest=longest)
