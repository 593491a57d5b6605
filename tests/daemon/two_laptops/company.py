"""A company of two laptops and a cloud of its own, all of it real: what they did, and what each side says of it.

Belongs here: calls, imports, pairing, sending, and the answers of both sides written down. Does not belong here: what
must hold of them (`test_two_laptops`).
"""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from daemon.calls.tokens import Tokens
from daemon.clock import SystemClock
from daemon.credentials import MeterHome
from daemon.store.store import Store
from tests.daemon.importers.samples import claude_line, claude_usage, jsonl, litellm_row
from tests.daemon.service.laptop import Laptop, eventually
from tests.daemon.upstreams import Reply, Upstream
from tests.daemon.upstreams_anthropic import ANTHROPIC_REQUEST, ANTHROPIC_TOKENS, anthropic_events, anthropic_message
from tests.daemon.upstreams_errors import ANTHROPIC_RATE_LIMIT
from tests.daemon.upstreams_samples import SAMPLES
from tests.installation import Installation

PRIVATE = "private-notes"
WORKSPACE = "acme-co"
UNKNOWN_MODEL = "who-knows-1"
PROVIDERS = ("anthropic", "openai", "gemini", "xai")
LITELLM_TOKENS = Tokens(
    uncached_input=4_000, cache_read=12_000, cache_write_5m=2_000, cache_write_1h=3_000, output=100, thinking=40
)
_OF_THE_REQUEST = Tokens(uncached_input=11)
"""What 43 letters are estimated at where the provider never came to count them."""
_CONFIG = """
[capture]
port = 0
[api]
port = 0
[cloud]
sync_interval_seconds = 0.1
[capture.upstreams]
"""


class Machine(Laptop):
    """A laptop that counts for itself what it did.

    Attributes:
        tokens: of each call it made or imported, private ones too, in no order.
        private: how many of its calls were of the private project.
        upstream: the provider that its gateway leads to.
    """

    def __init__(self, folder: Path, python: Path, upstream: Upstream) -> None:
        super().__init__(MeterHome(folder / "meter"), python)
        self.folder = folder
        self.upstream = upstream
        self.tokens: list[Tokens] = []
        self.private = 0
        self.home.write(
            self.home.config_path,
            (_CONFIG + "".join(f'{name} = "{upstream.url}"\n' for name in PROVIDERS)).encode(),
        )

    def begin(self) -> None:
        """Start the daemon, a project being private."""
        (self.folder / "web-shop").mkdir()
        (self.folder / "web-shop" / ".haltonrc").write_text("web-shop\n")
        self.says("cloud", "privacy", "set", "upload", "false", "--project", PRIVATE)
        self.says("start")

    def call(self, provider: str, path: str, request: Any, project: str) -> int:
        """Make a call through the gateway; return its status, 0 where the connection broke."""
        port = self.running().capture_port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"content-type": "application/json", "x-halton-project": project}
        try:
            connection.request("POST", f"/{provider}{path}", json.dumps(request).encode(), headers)
            answer = connection.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError):
            return 0
        finally:
            connection.close()
        return answer.status

    def message(self, tokens: Tokens, project: str, **changes: Any) -> None:
        """Make one call of the Messages API that is answered with these counts."""
        usage = {
            "input_tokens": tokens.uncached_input,
            "cache_read_input_tokens": tokens.cache_read,
            "cache_creation_input_tokens": tokens.cache_write_5m + tokens.cache_write_1h,
            "cache_creation": {
                "ephemeral_5m_input_tokens": tokens.cache_write_5m,
                "ephemeral_1h_input_tokens": tokens.cache_write_1h,
            },
            "output_tokens": tokens.output,
            "output_tokens_details": {"thinking_tokens": tokens.thinking},
            "service_tier": "standard",
        }
        self.upstream.script(Reply.document(anthropic_message(usage, **changes)))
        assert self.call("anthropic", "/v1/messages", ANTHROPIC_REQUEST, project) == 200
        self.tokens.append(tokens)
        self.private += project == PRIVATE

    def uses_every_surface(self, project: str) -> None:
        """Make one call of every sample."""
        for sample in SAMPLES.values():
            assert self.call(sample.provider, sample.path, sample.request, project) == 200, sample.name
            self.tokens.append(sample.tokens)

    def fails(self, project: str) -> None:
        """Make a call that is refused, one that the provider breaks off, and one whose connection is reset."""
        self.upstream.script(Reply.document(ANTHROPIC_RATE_LIMIT, status=429))
        assert self.call("anthropic", "/v1/messages", ANTHROPIC_REQUEST, project) == 429
        self.upstream.script(Reply.stream(anthropic_events()[:1], ending="reset"))
        self.call("anthropic", "/v1/messages", ANTHROPIC_REQUEST | {"stream": True}, project)
        self.upstream.script(Reply(ending="reset", length=100))
        self.call("anthropic", "/v1/messages", ANTHROPIC_REQUEST, project)
        self.tokens += [Tokens(), msgspec.structs.replace(ANTHROPIC_TOKENS, output=1, thinking=0), _OF_THE_REQUEST]

    def imports(self, before: datetime, count: int) -> None:
        """Import `count` calls of a subscription, and as many that a gateway of the company wrote down."""
        usages = [
            Tokens(uncached_input=4 + n, cache_read=100 * n, cache_write_1h=7, output=20 + n) for n in range(count)
        ]
        lines = [
            claude_line(
                n,
                usage=claude_usage(one.uncached_input, one.cache_read, 0, one.cache_write_1h, one.output),
                cwd=str(self.folder / "web-shop"),
                timestamp=_instant(before - timedelta(minutes=n)),
            )
            for n, one in enumerate(usages)
        ]
        # As many ids in common with the other laptop as there can be: none.
        rows = [
            litellm_row(
                request_id=f"{self.folder.name}-{n}",
                startTime=_instant(before - timedelta(hours=1, seconds=n)),
                endTime=_instant(before - timedelta(hours=1, seconds=n - 1)),
            )
            for n in range(count)
        ]
        for line in lines:
            line["message"]["id"] += self.folder.name
        for source, content in (("claude-code", jsonl(*lines)), ("litellm", jsonl(*rows))):
            log = self.folder / f"{source}.jsonl"
            log.write_bytes(content)
            assert self.json("import", source, str(log))
        self.tokens += [*usages, *[LITELLM_TOKENS] * count]

    def recorded(self) -> None:
        """Wait until every call made so far is on disk."""
        with Store(self.home.database_path, SystemClock()) as store:
            eventually(lambda: len(store.newest(1000)) == len(self.tokens))

    def synced(self) -> dict[str, Any]:
        """Wait until the daemon has sent all that may leave; return how the link stands."""
        with Store(self.home.database_path, SystemClock()) as store:
            eventually(lambda: store.pending_count(excluded_projects=[PRIVATE]) == 0)
        return self.json("cloud", "status")

    def pauses(self) -> str:
        """Wait until the daemon has found its link ended; return the reason."""
        with Store(self.home.database_path, SystemClock()) as store:
            return eventually(lambda: store.cloud_state().paused_reason)

    def connect(self, cloud: Installation) -> dict[str, Any]:
        """Pair as a person does who approves on the server's command line; return what `connect` printed."""
        options = ("--base-url", cloud.base_url, "--no-browser", "--yes", "--json", "--poll-interval-seconds", "0.05")
        with subprocess.Popen(
            self.command("cloud", "connect", *options),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as connecting:
            assert connecting.stdout
            assert connecting.stderr
            said = ""
            for line in connecting.stderr:
                said += line
                if "Pairing code: " in line:
                    cloud.answer_here("pairing", "approve", line.split()[-1], "--workspace", WORKSPACE)
                    break
            printed, rest = connecting.communicate(timeout=30)
            assert connecting.returncode == 0, said + rest
        return json.loads(printed)


class Company:
    """Two laptops' fortnight, told once; what came of it.

    Attributes:
        machines: the two.
        reports: `report --json` of each.
        statuses: `cloud status --json` of each once all was sent.
        reconciliations: `cloud reconcile --json` of each.
        receipts: `cloud receipts --json` of each.
        key: of the dashboards' API.
    """

    def __init__(self, folder: Path, python: Path, upstreams: tuple[Upstream, Upstream]) -> None:
        self.cloud = Installation(folder / "cloud")
        self.machines = [Machine(folder / name, python, upstreams[n]) for n, name in enumerate(("first", "second"))]

    def tell(self) -> None:
        """Do all of it."""
        self.cloud.answer_here("workspace", "create", "Acme Co", "--owner", "vk@acme.example", "--plan", "team")
        self.key = self.cloud.answer_here("api-key", "create", "--workspace", WORKSPACE, "--name", "t")["api_key"]
        with ThreadPoolExecutor() as beside:
            for started in [beside.submit(self.cloud.start), *(beside.submit(one.begin) for one in self.machines)]:
                started.result()
        for number, machine in enumerate(self.machines):
            self._works(machine, number)
            assert machine.connect(self.cloud)["workspace_name"] == "Acme Co"
            # What is recorded while the link stands goes the same way.
            machine.message(Tokens(uncached_input=11, output=number), "after-pairing")
            machine.recorded()
        self.statuses = [machine.synced() for machine in self.machines]
        self.cloud.answer_here("refresh")
        self.reports = [machine.json("report") for machine in self.machines]
        self.reconciliations = [machine.json("cloud", "reconcile", "--days", "3") for machine in self.machines]
        self.receipts = [machine.json("cloud", "receipts", "--limit", "100") for machine in self.machines]

    def _works(self, machine: Machine, number: int) -> None:
        machine.uses_every_surface("acme-api")
        for place in range(3 + 2 * number):
            machine.message(Tokens(uncached_input=1 + place, cache_read=17 * number, output=3), "web-shop")
        machine.message(Tokens(uncached_input=1_000_003, output=70_001), "web-shop")
        machine.message(Tokens(uncached_input=5, output=5), "acme-api", model=UNKNOWN_MODEL)
        for place in range(4 + number):
            machine.message(Tokens(uncached_input=900 + place, output=90), PRIVATE)
        machine.fails("acme-api")
        machine.imports(SystemClock().now() - timedelta(hours=2), 5 + number)
        machine.recorded()

    def dashboards(self, path: str, **query: Any) -> dict[str, Any]:
        """Return what the dashboards' API says of the last 30 days."""
        answer = self.cloud.get(f"/v1/{WORKSPACE}{path}", self.key, **({"range": "last_30d"} | query))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self) -> None:
        """End every process."""
        with ThreadPoolExecutor() as beside:
            for ended in [beside.submit(self.cloud.stop), *(beside.submit(one.stop) for one in self.machines)]:
                ended.result()


def shared_sum(reports: list[dict[str, Any]], read: Callable[[dict[str, Any]], int]) -> int:
    """Return the sum of a field over all projects of all reports but the private one."""
    return sum(read(row) for report in reports for row in report["by_project"] if row["project"] != PRIVATE)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
