"""The variables, as real shells take them."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.credentials import MeterHome
from daemon.service.exports import gateway_variables, in_shell, proxy_variables, with_variables
from daemon.service.hooks import hook
from daemon.service.surroundings import company_proxy, original_environment
from tests.daemon.service.laptop import Laptop

NAMES = st.sampled_from(["HTTPS_PROXY", "SSL_CERT_FILE", "NO_PROXY", "OTHER", "HOME"])
VALUES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
ENVIRONMENTS = st.dictionaries(NAMES, VALUES, max_size=5)


def ours(environment: dict[str, str], port: int = 8090) -> dict[str, str]:
    return proxy_variables(environment, port, bundle=Path("/h/ca-bundle.pem"), certificate=Path("/h/ca.pem"))


@given(ENVIRONMENTS)
def test_unset_gives_back_what_was_there_however_often_it_was_set(before: dict[str, str]) -> None:
    once = with_variables(before, ours(before))
    twice = with_variables(once, ours(once, 8091))
    switched = with_variables(twice, gateway_variables(8090))
    assert original_environment(once) == original_environment(twice) == original_environment(switched) == before
    assert twice["HTTPS_PROXY"] == "http://127.0.0.1:8091"
    assert "ANTHROPIC_BASE_URL" in switched
    assert switched.get("HTTPS_PROXY") == before.get("HTTPS_PROXY")


def test_hosts_without_a_proxy_are_kept_and_this_machine_is_among_them() -> None:
    assert ours({"NO_PROXY": "a.example, 127.0.0.1"})["no_proxy"] == "a.example,127.0.0.1,localhost,::1"


def test_node_keeps_certificates_that_somebody_named() -> None:
    assert ours({})["NODE_EXTRA_CA_CERTS"] == "/h/ca.pem"
    assert ours({"NODE_EXTRA_CA_CERTS": "/corp.pem"})["NODE_EXTRA_CA_CERTS"] == "/h/ca-bundle.pem"


def test_the_companys_proxy_is_what_was_there_before_ours() -> None:
    company = {"https_proxy": "http://proxy.corp:3128", "NO_PROXY": "corp"}
    assert company_proxy(company, 8090) == ("http://proxy.corp:3128", "corp")
    assert company_proxy(with_variables(company, ours(company)), 8090) == ("http://proxy.corp:3128", "corp")
    assert company_proxy({"HTTPS_PROXY": "http://127.0.0.1:8090"}, 8090) == (None, "")
    assert company_proxy({"HTTPS_PROXY": "socks5://x:1"}, 8090) == (None, "")
    assert company_proxy({"HTTPS_PROXY": "http://[bad"}, 8090) == (None, "")


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), VALUES, max_size=3))
def test_no_value_breaks_out_of_its_quotes(values: dict[str, str]) -> None:
    for line, value in zip(
        in_shell("powershell", dict(values)).split("\n$env:") if values else [], values.values(), strict=True
    ):
        assert line.endswith("'" + value.replace("'", "''") + "'")


@pytest.mark.parametrize("shell", [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)])
def test_a_shell_takes_every_value_as_it_is(shell: str) -> None:
    value = string.printable.replace("\r", "") + "é\u202e"
    assert shell in {"bash", "zsh", "fish"}
    script = in_shell(shell, {"PROBE": value, "GONE": None}) + '\nprintf "%s" "$PROBE$GONE"'  # type: ignore[arg-type]
    done = subprocess.run(
        [shell, "-c", script], capture_output=True, env={"GONE": "x", "PATH": os.environ["PATH"]}, check=True
    )
    assert done.stdout.decode() == value


def test_without_a_daemon_nothing_is_exported_and_a_line_says_so(laptop: Laptop) -> None:
    done = subprocess.run(laptop.command("env"), env=laptop.environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert "not running" in done.stderr


def test_the_hook_sets_and_takes_back_before_prompts(tmp_path: Path) -> None:
    home = MeterHome(tmp_path / "it's home")
    home.root.mkdir()
    meter = tmp_path / "meter"
    meter.write_text('#!/bin/sh\ncase "$*" in *--unset*) echo unset HALTON_METER_EXPORTED;;'
                     " *) echo export HALTON_METER_EXPORTED=yes;; esac\n")  # fmt: skip
    meter.chmod(0o700)
    lines = hook("bash", lock=home.root / "daemon.lock", command=[str(meter)], gateway=False)
    assert lines is not None
    lock = f'"{home.root}/daemon.lock"'
    script = (
        lines
        + lines
        + (
            'look() { false; eval "$PROMPT_COMMAND"; echo "$? ${HALTON_METER_EXPORTED:-none}"; }\n'
            f"look; echo $$ > {lock}; look; look; echo 999999999 > {lock}; look; echo > {lock}; look\n"
            'echo "$PROMPT_COMMAND"'
        )
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == ["1 none", "1 yes", "1 yes", "1 none", "1 none", "__halton_meter_look"]


def test_the_hook_runs_nothing_of_the_folder_one_stands_in(tmp_path: Path) -> None:
    home, hostile = tmp_path / "home", tmp_path / "hostile"
    home.mkdir()
    hostile.mkdir()
    (hostile / "daemon.py").write_text('print("echo taken over")\n')
    meter = [sys.executable, "-m", "daemon.cli.main", "--home", str(home)]
    printed = subprocess.run([*meter, "env", "--hook", "--shell", "bash"], capture_output=True, text=True, check=True)
    look = f'{printed.stdout}\necho $$ > {home}/daemon.lock\neval "$PROMPT_COMMAND"; echo looked'
    done = subprocess.run(["bash", "-c", look], capture_output=True, text=True, check=True, cwd=hostile)
    assert done.stdout == "looked\n"
