"""What exists is documented: every command, environment variable, route and mart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from api.app import create_app
from api.cli.main import cli as cloud
from daemon.cli.main import main as meter
from pipelines.lake.paths import DATABASE_VARIABLE, Home

ROOT = Path(__file__).parents[2]
ROOMS = ("api", "daemon", "pipelines", "dbt_project")


def commands(group: click.Command, *names: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield " ".join(names), group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, *names, name)


ALL_COMMANDS = [*commands(cloud, "halton-cloud"), *commands(meter, "halton-meter")]


@pytest.mark.parametrize(("name", "command"), ALL_COMMANDS, ids=[name for name, _ in ALL_COMMANDS])
def test_every_command_explains_itself_with_an_example_and_stands_in_a_readme(name: str, command: click.Command):
    shown = (command.help or "") + (command.epilog or "")
    assert len((command.help or "").split()) >= 5
    assert re.search(r"Examples?:", shown), f"{name} --help has no example"
    assert name in shown, f"the example of {name} does not use it"
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help or option.name in {"poll_interval_seconds", "timeout_seconds"}, f"{name} --{option.name}"
    readmes = (ROOT / "api/README.md").read_text() + (ROOT / "daemon/README.md").read_text()
    assert name.removeprefix("halton-cloud ").removeprefix("halton-meter ") in readmes, f"{name} stands in no README"


def test_every_environment_variable_stands_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    used = {
        variable
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".yml", ".sql", ".yaml"}
        for variable in re.findall(r"\bHALTON_[A-Z_]+\b", path.read_text())
    }
    assert {variable for variable in used if f"`{variable}`" not in readme} == set()


def test_every_route_stands_in_the_room_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    readme = (ROOT / "api/README.md").read_text()
    document = create_app(Home(tmp_path)).openapi()
    missing = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if path not in readme
    ]
    assert missing == []


def test_every_model_stands_in_the_dbt_readme():
    readme = (ROOT / "dbt_project/README.md").read_text()
    models = [path.stem for path in (ROOT / "dbt_project/models").rglob("*.sql")]
    assert [model for model in models if model not in readme] == []


def test_links_of_readmes_lead_somewhere():
    for path in [
        ROOT / "README.md",
        *(ROOT / room / "README.md" for room in (*ROOMS, "api/pages", "notebooks", "tests")),
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"
