"""Providers' keys: sealed, bound to their connection, and sealed anew without a moment at which one does not open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from pipelines.billing import credentials
from pipelines.billing.credentials import KEY_FILE, KEYS_KEPT, CredentialVault, rotate_keys
from pipelines.billing.http import BillingError
from pipelines.lake.bills import ConnectionKind, bill_connections
from pipelines.lake.paths import Home
from tests.billing_fakes.ledger import ADMIN_KEY
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import APPS, Bills


def keys(home: Home) -> list[str]:
    return (home.secrets / KEY_FILE).read_text().split()


def sealed(bills: Bills) -> dict[str, str]:
    with bills.engine.connect() as connection:
        query = select(bill_connections.c.id, bill_connections.c.sealed_credential)
        return {row.id: row.sealed_credential for row in connection.execute(query)}


def test_a_key_opens_for_its_own_connection_only(home: Home) -> None:
    vault = CredentialVault(home)
    kept = vault.seal("one", ADMIN_KEY)
    assert ADMIN_KEY not in kept
    assert CredentialVault(home).open("one", kept) == ADMIN_KEY
    for whose, text in (("two", kept), ("one", kept[:-4]), ("one", ""), ("one", "gAAAA")):
        with pytest.raises(BillingError, match="replace it"):
            vault.open(whose, text)
    assert (home.secrets / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert home.secrets.stat().st_mode & 0o777 == 0o700


def test_whoever_comes_first_makes_the_key_for_all(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed_by_each = list(pool.map(lambda _: CredentialVault(home).seal("one", ADMIN_KEY), range(16)))
    assert {CredentialVault(home).open("one", text) for text in sealed_by_each} == {ADMIN_KEY}
    assert [path.name for path in home.secrets.iterdir()] == [KEY_FILE]


def test_rotation_seals_everything_under_a_new_key(bills: Bills) -> None:
    for kind in APPS:
        bills.connect(kind)
    before, first_key = sealed(bills), keys(bills.home)[0]
    done = rotate_keys(bills.home, bills.engine)
    assert (done.sealed_again, done.unreadable) == (len(APPS), 0)
    after = sealed(bills)
    assert not set(before.values()) & set(after.values())
    vault = CredentialVault(bills.home)
    assert {vault.open(whose, text) for whose, text in after.items()} == {ADMIN_KEY}
    assert {vault.open(whose, text) for whose, text in before.items()} == {ADMIN_KEY}, (
        "somebody may just have sealed it"
    )
    rotate_keys(bills.home, bills.engine)
    assert first_key not in keys(bills.home)
    assert len(keys(bills.home)) == KEYS_KEPT
    whose, text = next(iter(before.items()))
    with pytest.raises(BillingError):
        vault.open(whose, text)
    assert {vault.open(whose, text) for whose, text in sealed(bills).items()} == {ADMIN_KEY}
    assert (bills.home.secrets / KEY_FILE).stat().st_mode & 0o777 == 0o600


@on_sqlite
@pytest.mark.parametrize("step", ["begin_key", "seal", "forget_old_keys"])
def test_killed_at_any_step_everything_opens_and_it_goes_on(
    bills: Bills, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills.connect(ConnectionKind.OPENAI_COSTS)
    with monkeypatch.context() as patch:
        patch.setattr(credentials.CredentialVault, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate_keys(bills.home, bills.engine)
    vault = CredentialVault(bills.home)
    assert {vault.open(whose, text) for whose, text in sealed(bills).items()} == {ADMIN_KEY}
    assert rotate_keys(bills.home, bills.engine).sealed_again == 1
    assert {vault.open(whose, text) for whose, text in sealed(bills).items()} == {ADMIN_KEY}


@on_sqlite
def test_keys_of_another_home_are_counted_and_left_alone(bills: Bills) -> None:
    bills.connect(ConnectionKind.OPENAI_COSTS)
    foreign = bills.connect(ConnectionKind.ANTHROPIC_ANALYTICS)
    with bills.engine.begin() as connection:
        odd = update(bill_connections).where(bill_connections.c.id == foreign)
        connection.execute(odd.values(sealed_credential="gAAAAother"))
    done = rotate_keys(bills.home, bills.engine)
    assert (done.sealed_again, done.unreadable) == (1, 1)
    assert sealed(bills)[foreign] == "gAAAAother"
