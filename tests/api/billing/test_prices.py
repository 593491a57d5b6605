"""The billing configuration: defaults, what a file may say, and plain words for what it may not."""

from __future__ import annotations

import base64

import pytest

from api.billing.prices import (
    BILLING_FILE,
    SECRETS_VARIABLE,
    BillingFileError,
    amount_read,
    amount_written,
    load_billing,
)
from api.billing.pro_rata import CENT
from api.db.models import Plan
from api.errors import Refused
from pipelines.lake.paths import Home

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_without_a_file_solo_costs_19_dollars_and_nobody_bills(home: Home) -> None:
    billing = load_billing(home, {})
    assert billing.prices.written(billing.prices.monthly[Plan.SOLO]) == "$19.00"
    assert billing.prices.of(Plan.TEAM, 2) == 11_700 * CENT
    assert billing.prices.of(Plan.BUSINESS, 0) is None
    assert (billing.self_service, billing.secrets) == (True, ())
    assert billing.portal_link(workspace_id="w", customer_ref="c") is None


def test_a_file_says_prices_provider_and_portal(home: Home) -> None:
    (home.root / BILLING_FILE).write_text(
        'currency = "CHF"\nprovider = "clerk"\nportal_url = "https://pay.example/{workspace}?c={customer}"\n'
        '[monthly]\nsolo = "20"\nteam = "110.50"\nenterprise = "9999.00"\n[extra_seat]\nteam = "10.25"\n'
    )
    billing = load_billing(home, {SECRETS_VARIABLE: f"{SECRET} {SECRET}"})
    assert billing.prices.of(Plan.TEAM, 3) == 14_125 * CENT
    assert billing.prices.written(1_234_567 * CENT) == "CHF 12,345.67"
    assert not billing.self_service
    assert billing.secrets == (b"k" * 24,) * 2
    assert billing.portal_link(workspace_id="w1", customer_ref="a/b&c") == "https://pay.example/w1?c=a%2Fb%26c"
    assert billing.portal_link(workspace_id="w1", customer_ref=None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("monthly = 3", "monthly"),
        ("[monthly]\nsolo = 19", "monthly"),
        ('[monthly]\nsolo = "-1.00"', "amount"),
        ('[monthly]\nsolo = "19.999"', "amount"),
        ('[monthly]\ngold = "19.00"', "gold"),
        ('[extra_seat]\nsolo = "19.00"', "solo"),
        ('currency = "dollars"', "currency"),
        ('provider = "../x"', "provider"),
        ('portal_url = "http://pay.example"', "https"),
        ('portal_url = "javascript:alert(1)"', "https"),
        ("price = 1", "price"),
        ("not toml", "="),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, words: str, home: Home) -> None:
    (home.root / BILLING_FILE).write_text(text)
    with pytest.raises(BillingFileError, match=words):
        load_billing(home, {})


@pytest.mark.parametrize("secret", ["whsec_!!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_secret_that_cannot_be_used_is_not_repeated(secret: str, home: Home) -> None:
    with pytest.raises(BillingFileError) as error:
        load_billing(home, {SECRETS_VARIABLE: secret})
    assert secret not in str(error.value)


@pytest.mark.parametrize("text", ["0.00", "9.29", "117.00", "123456789.01"])
def test_amounts_are_read_as_they_were_written(text: str) -> None:
    assert amount_written(amount_read(text)) == text


@pytest.mark.parametrize("text", ["", "-1.00", "1.5", "1e3", "\u0661.00", "NaN", "1,000.00"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        amount_read(text)
