"""The variables that lead a program's calls to the daemon.

Belongs here: their names and values, and their form in each shell. Does not belong here: whether the daemon answers
(`launch`), the command (`daemon.cli.environment`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from daemon.service.surroundings import EXPORTED_FOR, SAVED, original_environment

Shell = Literal["bash", "zsh", "fish", "powershell"]
SHELLS: Final[tuple[Shell, ...]] = ("bash", "zsh", "fish", "powershell")
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy")
_BUNDLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO")
_HERE: Final = ("localhost", "127.0.0.1", "::1")
GATEWAY_PATHS: Final = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "OPENAI_BASE_URL": "openai/v1",
    "GOOGLE_GEMINI_BASE_URL": "gemini",
    "XAI_BASE_URL": "xai/v1",
}
"""Variable that an SDK reads to the path of its gateway: each SDK has its own idea of where `/v1` belongs."""


def proxy_variables(environment: Mapping[str, str], port: int, *, bundle: Path, certificate: Path) -> dict[str, str]:
    """Return the variables of the proxy.

    Args:
        environment: as it is; hosts that need no proxy are kept.
        port: of the proxy, on 127.0.0.1.
        bundle: all roots this machine trusts, and our authority.
        certificate: our authority alone: Node adds it to its own roots.
    """
    before = original_environment(environment)
    url = f"http://127.0.0.1:{port}"
    no_proxy = _with_here(before.get("NO_PROXY") or before.get("no_proxy") or "")
    return {
        **dict.fromkeys(_PROXIES, url),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        **dict.fromkeys(_BUNDLES, str(bundle)),
        # Node adds these to its own. Where somebody had named others, they are wanted too.
        "NODE_EXTRA_CA_CERTS": str(bundle if before.get("NODE_EXTRA_CA_CERTS") else certificate),
        "NODE_USE_ENV_PROXY": "1",
    }


def gateway_variables(port: int) -> dict[str, str]:
    """Return the variables of the gateway, which needs no trust in an authority."""
    return {name: f"http://127.0.0.1:{port}/{path}" for name, path in GATEWAY_PATHS.items()}


def with_variables(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with `variables` set, and what they replaced kept beside them."""
    before = original_environment(environment)
    saved = {SAVED + name: before[name] for name in variables if name in before}
    return {**before, **variables, **saved, EXPORTED_FOR: " ".join(variables)}


def changes(environment: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return what has to be set, or unset (None), to make the one environment of the other."""
    changed: dict[str, str | None] = {name: value for name, value in wanted.items() if environment.get(name) != value}
    return changed | {name: None for name in environment if name not in wanted}


def in_shell(shell: Shell, changed: Mapping[str, str | None]) -> str:
    """Return the lines that make these changes in `shell`."""
    return "\n".join(_line(shell, name, value) for name, value in changed.items())


def _line(shell: Shell, name: str, value: str | None) -> str:
    match shell:
        case "bash" | "zsh":
            return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
        case "fish":
            return f"set -e {name}" if value is None else f"set -gx {name} {_in_fish(value)}"
        case "powershell":
            quoted = "'" + (value or "").replace("'", "''") + "'"
            return f"Remove-Item Env:{name} -ErrorAction Ignore" if value is None else f"$env:{name} = {quoted}"


def _in_fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _with_here(no_proxy: str) -> str:
    named = [name.strip() for name in no_proxy.split(",") if name.strip()]
    return ",".join([*named, *(name for name in _HERE if name not in named)])
