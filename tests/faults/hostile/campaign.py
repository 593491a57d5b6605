"""Thousands of hostile requests to one real server process, each answer judged, its memory measured.

Belongs here: driving and judging. Does not belong here: requests (`requests`), sockets (`raw_http`).
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from pipelines.lake.clock import SystemClock
from tests.faults.hostile.corpus import MARK
from tests.faults.hostile.raw_http import NO_ANSWER, Answer, RawClient, request
from tests.faults.hostile.requests import Attack, Route, corpus_attacks, generated_attacks
from tests.faults.paired_machine import PairedMachine, new_token

NOT_HTTP = b"Invalid HTTP request received."
"""What the HTTP parser itself answers, before there is a request to answer in JSON."""
HONEST_503 = frozenset({"busy", "misrouted"})
"""Bodies above the budget of bytes, and uploads to a wrong path, which daemons must keep."""
ENDING_A_TOKEN = ("/v1/pairing/revoke", "/v1/daemon/disconnect")


@dataclass
class HostileCampaign:
    """What came back.

    Attributes:
        statuses: answers by status; 0: hung up without one.
        excused: 503s that say what they mean.
        faults: answers that break a promise, with the request that caused them.
    """

    requests: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter[int])
    excused: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])
    peak_before_kib: int | None = None
    peak_kib: int | None = None

    def describe(self) -> str:
        """Return the figures on one line."""
        return (
            f"{self.requests} requests in {self.seconds:.1f} s ({self.requests / self.seconds:.0f}/s), "
            f"peak memory {(self.peak_kib or 0) >> 10} MiB ({(self.peak_before_kib or 0) >> 10} MiB before), "
            f"answers {dict(sorted(self.statuses.items()))}, 503s with a reason {dict(self.excused)}"
        )


def hostile_campaign(
    port: int, pid: int, engine: Engine, machine: PairedMachine, routes: list[Route], *, count: int, seed: int
) -> HostileCampaign:
    """Send the corpus, and generated requests until there were `count`.

    Args:
        port: of the server.
        pid: of its process.
        engine: its database, to pair anew when an attack has ended the token in hand.
        machine: what the attacker holds.
        routes: of the application.
        count: requests in all; the corpus is always sent whole.
        seed: of the generated ones.
    """
    campaign, client = HostileCampaign(peak_before_kib=peak_kib(pid)), RawClient(port)
    secrets = {"sync": machine.token, "api": machine.api_key, "wrong": machine.token[:-1] + "_", "none": ""}
    began = time.monotonic()

    def attack_with(attacks: Iterable[Attack]) -> None:
        for attack in attacks:
            answer = _sent(client, attack, secrets)
            campaign.requests += 1
            campaign.statuses[answer.status] += 1
            if attack.target.startswith(ENDING_A_TOKEN) and 200 <= answer.status < 300:
                secrets["sync"] = new_token(engine, machine.workspace_id, SystemClock())
            if fault := _fault(attack, answer, campaign.excused):
                campaign.faults.append(fault)
                if len(campaign.faults) >= 20:
                    return

    attack_with(corpus_attacks(routes))
    attack_with(islice(generated_attacks(routes, random.Random(seed)), max(0, count - campaign.requests)))
    client.close()
    campaign.seconds = time.monotonic() - began
    campaign.peak_kib = peak_kib(pid)
    return campaign


def peak_kib(pid: int) -> int | None:
    """Return the largest resident size a process has had; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _sent(client: RawClient, attack: Attack, secrets: dict[str, str]) -> Answer:
    if attack.raw is not None:
        client.close()
        return client.send(attack.raw, "GET", last=True)
    shown = secrets.get(attack.token, f"{MARK}\x7f")
    headers = dict(attack.headers) | ({"Authorization": f"Bearer {shown}"} if shown else {})
    content = request(attack.method, attack.target, headers, attack.body)
    return client.send(content, attack.method)


def _fault(attack: Attack, answer: Answer, excused: Counter[str]) -> str | None:
    """Return what is wrong with an answer, None when nothing is."""
    words = _wrong(attack, answer, excused)
    if words is None:
        return None
    what = (
        attack.raw[:300] if attack.raw is not None else (attack.method, attack.target[:200], (attack.body or b"")[:300])
    )
    return f"{words}: {what!r} was answered {answer.status} {answer.body[:200]!r}"


def _wrong(attack: Attack, answer: Answer, excused: Counter[str]) -> str | None:
    if answer == NO_ANSWER:
        return None if attack.raw is not None else "no answer to a whole request"
    if answer.status < 400:
        return None if answer.status in (200, 201, 204, 304) else "an answer no route gives"
    if MARK.encode() in answer.body or any(MARK in value for value in answer.headers.values()):
        return "a refusal repeats the input"
    code = _reason(attack, answer)
    if code is None:
        return "a refusal without one short plain reason in JSON"
    if answer.status == 503 and code in HONEST_503:
        excused[code] += 1
        return None
    return "a server error" if answer.status >= 500 else None


def _reason(attack: Attack, answer: Answer) -> str | None:
    """Return the code of a refusal, None when it is not as refusals must be."""
    if (answer.status == 400 and answer.body == NOT_HTTP) or attack.method == "HEAD":
        return ""
    try:
        error = json.loads(answer.body)["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        return None
    plain = set(error) == {"code", "message"} and 0 < len(message) <= 200 and "\n" not in message
    return str(code) if plain else None
