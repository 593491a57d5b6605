"""`halton-meter cloud privacy …`: what may leave this machine, and a look at it before it does.

Belongs here: options and texts. Does not belong here: the rules (`daemon.cloud.privacy`).
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.cloud_parts import cloud_failures, json_option, opened_store, print_json
from daemon.cli.state import CliState

if TYPE_CHECKING:
    from daemon.cloud.privacy import UploadRules
    from daemon.store.store import Store

project_option = click.option("--project", help="Slug of the project the rule is for.")


@click.group(short_help="Choose what may leave, and see it.")
def privacy() -> None:
    """Choose what may leave this machine, and see the exact JSON that would."""


@privacy.command(short_help="Show the rules in force.", epilog="\b\nExample:\n  halton-meter cloud privacy show --json")
@json_option
@click.pass_obj
def show(state: CliState, *, as_json: bool) -> None:
    """Show the rules in force: the preset, fields that stay here, projects with rules of their own."""
    with cloud_failures():
        answer = _rules_shown(state)
    if as_json:
        print_json(answer)
        return
    from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant

    lines = Lines(as_json=False)
    lines.say(f"Preset: {answer['preset']}")
    lines.say(f"Sent: {', '.join(answer['sent'])}")
    lines.say(f"Kept here: {', '.join(answer['withheld']) or '(nothing)'}")
    for project, rule in answer["per_project"].items():
        if rule["upload"]:
            lines.say(f"Project {project}: kept here: {', '.join(rule['withheld']) or '(nothing)'}")
        else:
            lines.say(f"Project {project}: its rows never leave")


def _rules_shown(state: CliState) -> dict[str, Any]:
    from daemon.cloud.privacy import FIELDS, UploadRules  # noqa: PLC0415 - keeps --help instant
    from daemon.config import load_config  # noqa: PLC0415

    upload = load_config(state.home).cloud.upload
    rules = UploadRules.from_config(upload)
    return {
        "preset": rules.preset,
        "sent": [name for name in FIELDS if name not in rules.withheld],
        "withheld": [name for name in FIELDS if name in rules.withheld],
        "per_project": {
            slug: {"upload": rules.leaves(slug), "withheld": [n for n in FIELDS if n in rules.withheld_of(slug)]}
            for slug in upload.per_project
        },
    }


@privacy.group("set", short_help="Change a rule.")
def set_rule() -> None:
    """Change a rule in config.toml; it counts from the very next page that is sent."""


@set_rule.command(
    "preset",
    short_help="minimal, standard or full.",
    epilog="\b\nExample:\n  halton-meter cloud privacy set preset minimal",
)
@click.argument("preset", type=click.Choice(["minimal", "standard", "full"]))
@json_option
@click.pass_obj
def preset_command(state: CliState, preset: str, *, as_json: bool) -> None:
    """Set where the fields' defaults come from: minimal, standard or full."""
    with cloud_failures():
        from daemon.cloud.privacy_settings import set_preset  # noqa: PLC0415 - keeps --help instant

        set_preset(state.home, preset)
        _done(state, f"Preset: {preset}", as_json=as_json)


@set_rule.command(
    "upload",
    short_help="Whether rows of a project leave at all.",
    epilog="\b\nExample:\n  halton-meter cloud privacy set upload false --project personal",
)
@click.argument("uploaded", type=bool)
@click.option("--project", required=True, help="Slug of the project whose rows leave or stay.")
@json_option
@click.pass_obj
def upload_command(state: CliState, project: str, *, uploaded: bool, as_json: bool) -> None:
    """Set whether rows of a project leave at all: true or false."""
    with cloud_failures():
        from daemon.cloud.privacy_settings import set_project_upload  # noqa: PLC0415 - keeps --help instant

        set_project_upload(state.home, project, uploaded=uploaded)
        said = "its rows may leave" if uploaded else "its rows never leave; what was sent before stays in the cloud"
        _done(state, f"Project {project}: {said}", as_json=as_json)


@set_rule.command(
    "field",
    short_help="Whether a field leaves.",
    epilog="\b\nExample:\n  halton-meter cloud privacy set field source_workdir false",
)
@click.argument("field")
@click.argument("sent", type=bool)
@project_option
@json_option
@click.pass_obj
def field_command(state: CliState, field: str, project: str | None, *, sent: bool, as_json: bool) -> None:
    """Set whether a field of the record leaves: true or false, for one project or for all."""
    with cloud_failures():
        from daemon.cloud.privacy_settings import set_field  # noqa: PLC0415 - keeps --help instant

        set_field(state.home, field, sent=sent, project=project)
        where = f" for project {project}" if project else ""
        _done(state, f"Field {field}: {'sent' if sent else 'kept here'}{where}", as_json=as_json)


def _done(state: CliState, text: str, *, as_json: bool) -> None:
    from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant

    if as_json:
        print_json(_rules_shown(state))
    else:
        Lines(as_json=False).say(text)


@privacy.command(
    short_help="Print the exact JSON that would leave.",
    epilog="\b\nExample:\n  halton-meter cloud privacy preview --limit 3",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many of the last rows."
)
@click.option("--project", help="Only rows of this project.")
@json_option
@click.pass_obj
def preview(state: CliState, limit: int, project: str | None, *, as_json: bool) -> None:
    """Print the exact JSON that would leave for the last rows, under the rules in force; nothing is sent."""
    with cloud_failures():
        from daemon.cloud.privacy import UploadRules  # noqa: PLC0415 - keeps --help instant
        from daemon.config import load_config  # noqa: PLC0415

        rules = UploadRules.from_config(load_config(state.home).cloud.upload)
        with opened_store(state.home) as store:
            rows = _previewed(store, rules, limit, project)
    if as_json:
        print_json(
            {"rows": [{**row, "record": None if row["record"] is None else json.loads(row["record"])} for row in rows]}
        )
        return
    _print_preview(rows)


def _print_preview(rows: list[dict[str, Any]]) -> None:
    from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
    from daemon.cli.plain_text import printable  # noqa: PLC0415

    lines = Lines(as_json=False)
    if not rows:
        lines.say("No calls are recorded yet.")
    for row in rows:
        lines.say(f"{row['id']}: {_SAID[row['state']]}")
        if row["record"] is not None:
            click.echo(printable(row["record"]))


_SAID = {
    "leaves": "has not left; it would as",
    "sent": "has left; under the rules in force now it would as",
    "quarantined": "has left and was set aside by the cloud; it would leave as",
    "withheld": "stays here: its project's rows never leave",
    "sent_withheld": "has left before its project's rows were withheld; nothing of it would leave now",
}


def _previewed(store: Store, rules: UploadRules, limit: int, project: str | None) -> list[dict[str, Any]]:
    """Return id, state and JSON text of the last rows, the last one first."""
    from daemon.cloud.pages import row_of  # noqa: PLC0415 - keeps --help instant

    shown: list[dict[str, Any]] = []
    with closing(store.connection_for_reading()) as connection:
        for call in store.newest(limit, project=project):
            found = connection.execute("SELECT upload_state FROM calls WHERE id = ?", [call.id]).fetchone()
            state = "leaves" if found is None or found[0] == "pending" else found[0]
            leaves = rules.leaves(call.project)
            if not leaves:
                state = "withheld" if state == "leaves" else "sent_withheld"
            record = row_of(call, rules).record.decode() if leaves else None
            shown.append({"id": call.id, "state": state, "record": record})
    return shown
