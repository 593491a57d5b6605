"""The top of the command line: every command is found, none is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import Result

from daemon.cli.main import main
from daemon.cli.overview import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str):
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_help_shows_every_command_under_its_topic(meter: Callable[..., Result]):
    shown = meter("--help").output
    headings = [line for line in shown.split("\n") if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Daily use:", "Setup:", "Cloud:", "Data:", "Trying it out:"]
    for name, entry in COMMANDS.items():
        assert f"  {name} " in shown
        assert entry.summary in shown


def test_a_mistyped_command_is_answered_with_what_was_meant(meter: Callable[..., Result]):
    done = meter("repot")
    assert done.exit_code == 2
    assert "No such command 'repot'. Did you mean 'report'?" in done.output
    assert "\x1b" not in meter("re\x1b[2J").output


def test_help_imports_no_command():
    program = (
        "import sys\nfrom daemon.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('daemon.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == str(["daemon.cli", "daemon.cli.main", "daemon.cli.overview", "daemon.cli.state"])


@pytest.mark.parametrize("name", ["report", "watch"])
def test_help_of_a_report_needs_neither_rich_nor_the_store(name: str):
    program = (
        f"import sys\nfrom daemon.cli.main import main\n"
        f"try:\n    main(['{name}', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('rich', 'sqlite3', 'msgspec', 'httpx') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Examples:" in done.stdout
