"""`halton-cloud month`: closed months.

Belongs here: the commands. Does not belong here: the rules (`api.closes`).
"""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from api.audit import OPERATOR
from api.audit.digests import Signer
from api.bills.routes import month_days
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking, opened
from api.closes.closing import Proof, close_month, list_closes, prove_close, reopen_month, require_over
from api.closes.figures import read_figures
from api.closes.routes import CloseShown
from api.db.session import reading, transaction
from api.workspaces import find_workspace
from pipelines.lake.clock import SystemClock, from_micros, iso_utc
from pipelines.lake.paths import Home


@click.group("month")
def month_group() -> None:
    """Close months, open them again, list and prove the closes."""


@month_group.command("close")
@click.argument("month", metavar="MONTH")
@workspace_option
@home_option
def close(home_folder: str | None, workspace_slug: str, month: str) -> None:
    r"""Sign a month's figures as they stand: logged, priced, billed and the variance, per provider.

    Refused while requests or bills of the month are not in the figures yet (`refresh --analysis` brings them in).

    Prints {"close": {"month", "number", "totals": [{"provider", "logged_usd", "billed_usd", "variance_usd", ...}],
    "digest", ...}}; billed_usd is null where no bill is known.

    \b
    Example:
      halton-cloud month close 2026-06 --workspace acme-co
    """
    home, at = Home.locate(home_folder), SystemClock().now()
    first = month_days(month)[0]
    require_over(first, at)
    with opened(home) as engine:
        with reading(engine) as session:
            workspace_id = find_workspace(session, workspace_slug).id
        figures = read_figures(home, engine, workspace_id, first)
        signer = Signer.of(home)
        with transaction(engine) as session:
            made = close_month(session, workspace_id, figures, signer, actor=OPERATOR, at=at)
            answer = _shown(prove_close(session, made, signer.public_key))
    print_answer({"close": answer})


@month_group.command("reopen")
@click.argument("month", metavar="MONTH")
@click.option("--reason", required=True, help="Why; it stays with the close.")
@workspace_option
@home_option
def reopen(home_folder: str | None, workspace_slug: str, month: str, reason: str) -> None:
    r"""Open a closed month again; the close stays in the list.

    Prints {"close": {"month", "number", "reopened_at", ...}}.

    \b
    Example:
      halton-cloud month reopen 2026-06 --workspace acme-co --reason "The provider restated the 14th"
    """
    key = Signer.of(Home.locate(home_folder)).public_key
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        made = reopen_month(session, workspace_id, month_days(month)[0], reason, actor=OPERATOR, at=now)
        answer = _shown(prove_close(session, made, key))
    print_answer({"close": answer})


@month_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List a workspace's closes, those opened again included.

    Prints {"closes": [{"month", "number", "closed_at", "closed_by", "totals", "digest", "reopened_at", ...}]}, newest
    month first.

    \b
    Example:
      halton-cloud month list --workspace acme-co
    """
    print_answer({"closes": [_shown(proof) for proof in _proofs(home_folder, workspace_slug)]})


@month_group.command("verify")
@workspace_option
@home_option
def verify(home_folder: str | None, workspace_slug: str) -> None:
    r"""Prove every close: its digest, its signature, and that what is kept is what was signed.

    Exits with 1 when something does not hold. Prints {"closes", "faults": [{"month", "number", "fault"}],
    "other_keys"}; other_keys counts closes another server's key signed, as after a move without the home's secrets.

    \b
    Example:
      halton-cloud month verify --workspace acme-co
    """
    proofs = _proofs(home_folder, workspace_slug)
    faults = [
        {"month": proof.close.month[:7], "number": proof.close.number, "fault": fault}
        for proof in proofs
        for fault in proof.faults
    ]
    others = sum(not proof.is_ours for proof in proofs)
    print_answer({"closes": len(proofs), "faults": faults, "other_keys": others})
    if faults:
        sys.exit(1)


def _proofs(home_folder: str | None, workspace_slug: str) -> list[Proof]:
    key = Signer.of(Home.locate(home_folder)).public_key
    with looking(home_folder) as (session, _now):
        workspace_id = find_workspace(session, workspace_slug).id
        return [prove_close(session, one, key) for one in list_closes(session, workspace_id)]


def _shown(proof: Proof) -> dict[str, Any]:
    one = proof.close
    return {
        "month": one.month[:7],
        "number": one.number,
        "closed_at": iso_utc(from_micros(one.closed_at_us)),
        "closed_by": one.closed_by,
        "build_id": one.build_id,
        "analysis_id": one.analysis_id,
        "totals": msgspec.to_builtins(CloseShown.of(proof).totals),
        "digest": one.digest,
        "reopened_at": None if one.reopened_at_us is None else iso_utc(from_micros(one.reopened_at_us)),
        "reopened_by": one.reopened_by,
        "reopen_reason": one.reopen_reason,
        "faults": list(proof.faults),
    }
