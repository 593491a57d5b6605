"""Thousands of hostile requests to one real server process, each answer judged, its memory measured.

Belongs here: driving and judging. Does not belong here: requests (`requests`), sockets (`raw_http`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.faults.hostile.attackers import Attackers
from tests.faults.hostile.corpus import MARK
from tests.faults.hostile.directories import generated_messages, scim_deck
from tests.faults.hostile.judge import Kind, kind_of, wrong
from tests.faults.hostile.pages import FORMS, generated_calls, page_deck
from tests.faults.hostile.raw_http import Answer, RawClient, request
from tests.faults.hostile.requests import (
    BATCH_PATH,
    Attack,
    Maker,
    Route,
    generated_attacks,
    heavy_attacks,
    json_deck,
    malformed_deck,
    taken_messages,
)

FAULTS_SHOWN = 20


@dataclass
class HostileCampaign:
    """What came back.

    Attributes:
        statuses: answers by status; 0: hung up without one.
        reached: answers by kind of path, sender and status.
        excused: 503s that say what they mean.
        faults: answers that break a promise, with the request that caused them.
    """

    requests: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter[int])
    reached: Counter[tuple[Kind, str, int]] = field(default_factory=Counter[tuple[Kind, str, int]])
    excused: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])
    peak_before_kib: int | None = None
    peak_kib: int | None = None

    def note(self, attack: Attack, answer: Answer, mark: str) -> None:
        """Judge an answer and count it."""
        self.requests += 1
        self.statuses[answer.status] += 1
        if attack.raw is None:
            self.reached[kind_of(attack.target), attack.token, answer.status] += 1
        words, excuse = wrong(attack, answer, mark)
        if excuse:
            self.excused[excuse] += 1
        if words is not None:
            what = (attack.method, attack.token, attack.target[:200], attack.headers, (attack.body or b"")[:300])
            sent = attack.raw[:300] if attack.raw is not None else what
            self.faults.append(f"{words}: {sent!r} was answered {answer.status} {answer.body[:200]!r}")

    def describe(self) -> str:
        """Return the figures on one line."""
        return (
            f"{self.requests} requests in {self.seconds:.1f} s ({self.requests / self.seconds:.0f}/s), "
            f"peak memory {(self.peak_kib or 0) >> 10} MiB ({(self.peak_before_kib or 0) >> 10} MiB before), "
            f"answers {dict(sorted(self.statuses.items()))}, 503s with a reason {dict(self.excused)}"
        )


def hostile_campaign(
    port: int, pid: int, attackers: Attackers, routes: list[Route], *, count: int, seed: int, whole: bool = False
) -> HostileCampaign:
    """Send the corpus, and generated requests until there were `count`.

    Args:
        port: of the server.
        pid: of its process.
        attackers: who sends.
        routes: of the application.
        count: requests in all, but for the corpus when it is sent whole.
        seed: of what is sampled and generated.
        whole: send the corpus whole: everything on every route; else three quarters of `count` are dealt from it, so
            that every route gets its share and everything is sent to some.
    """
    campaign, client = HostileCampaign(peak_before_kib=peak_kib(pid)), RawClient(port)
    chance = random.Random(seed)
    began = time.monotonic()

    def attack_with(attacks: Iterable[Attack]) -> None:
        for attack in attacks:
            mark = unique_mark(campaign.requests)
            answer = _sent(client, attack, attackers, mark)
            campaign.note(attack, answer, mark)
            if _may_end_something(attack, answer):
                attackers.mend()
            if len(campaign.faults) >= FAULTS_SHOWN:
                return

    by_kind = {kind: [route for route in routes if kind_of(route.path) is kind] for kind in Kind}
    assert {route.path for route in by_kind[Kind.PAGE] if route.method == "POST"} == set(FORMS), "every form is known"
    uploads = [route for route in routes if route.path == BATCH_PATH]
    attack_with(dealt(uploads, json_deck, 0, chance))  # what daemons depend on gets everything in any case
    attack_with(taken_messages(by_kind[Kind.MACHINE], chance))
    share = 0 if whole else count // 100
    for found, deck, percent in (
        (by_kind[Kind.MACHINE], json_deck, 25),
        (by_kind[Kind.PAGE], page_deck, 30),
        (by_kind[Kind.SCIM], scim_deck, 10),
        (routes, malformed_deck, 8),
    ):
        attack_with(dealt(found, deck, share * percent, chance))
    attack_with(heavy_attacks(routes, chance, whole=whole))
    left = max(0, count - campaign.requests)
    for kind, generated, percent in (
        (Kind.MACHINE, generated_attacks, 50),
        (Kind.PAGE, generated_calls, 35),
        (Kind.SCIM, generated_messages, 15),
    ):
        attack_with(islice(generated(by_kind[kind], chance), left * percent // 100))
    attack_with(islice(generated_attacks(routes, chance), max(0, count - campaign.requests)))
    client.close()
    campaign.seconds = time.monotonic() - began
    campaign.peak_kib = peak_kib(pid)
    return campaign


def dealt(
    routes: list[Route], decks: Callable[[Route], list[Maker]], count: int, chance: random.Random
) -> Iterator[Attack]:
    """Yield attacks so that every route gets its share and every card of a deck is played about equally often.

    Args:
        routes: all of one kind.
        decks: what may be played on a route.
        count: how many in all; 0 plays every card on every route.
        chance: decides.
    """
    rest: dict[tuple[int, bool], list[Maker]] = {}
    for route in routes:
        whole = decks(route)
        if count == 0:
            for maker in whole:
                yield maker(route, chance)
            continue
        deck = rest.setdefault((len(whole), route.method == "GET"), [])
        for _ in range(max(1, count // len(routes))):
            if not deck:
                deck += chance.sample(whole, len(whole))
            yield deck.pop()(route, chance)


def peak_kib(pid: int) -> int | None:
    """Return the largest resident size a process has had; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def unique_mark(number: int) -> str:
    """Return the mark of one request, as long as `MARK`: what others left in the database says nothing about it."""
    return f"zz{number:08d}zz"


def _sent(client: RawClient, attack: Attack, attackers: Attackers, mark: str) -> Answer:
    def marked(content: bytes) -> bytes:
        return content.replace(MARK.encode(), mark.encode())

    if attack.raw is not None:
        client.close()
        return client.send(marked(attack.raw), "GET", last=True)
    content = request(attack.method, attackers.target(attack.target), attackers.headers(attack), attackers.body(attack))
    return client.send(marked(content), attack.method)


def _may_end_something(attack: Attack, answer: Answer) -> bool:
    changes = attack.method not in ("GET", "HEAD", "OPTIONS") and not attack.target.startswith(BATCH_PATH)
    return changes and 200 <= answer.status < 400
