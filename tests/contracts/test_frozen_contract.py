"""The contract is frozen: schema and golden batches change on purpose or not at all."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
HOW = (
    "{name} is no longer what was frozen. Daemons in the field speak the frozen contract and cannot be changed by a "
    "commit. If the change only adds what old daemons may leave out, and is meant: run "
    "`python tests/contracts/freeze.py`, read the diff of tests/contracts/wire-schema.json, and commit it together "
    "with the reason. If it is not meant, undo it. Golden batches of past releases are never edited."
)


@pytest.fixture(scope="module")
def freeze() -> ModuleType:
    spec = importlib.util.spec_from_file_location("contract_freeze", HERE / "freeze.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_message_and_golden_batch_has_its_frozen_digest(freeze: ModuleType) -> None:
    frozen = json.loads((HERE / "frozen.json").read_text())
    current = freeze.digests()
    for name in sorted(frozen.keys() | current.keys()):
        assert current.get(name) == frozen.get(name), HOW.format(name=name)


def test_the_committed_schema_is_the_frozen_one(freeze: ModuleType) -> None:
    assert (HERE / "wire-schema.json").read_bytes() == freeze.wire_schema(), HOW.format(name="wire-schema.json")


def test_prose_may_change_without_a_new_contract(freeze: ModuleType) -> None:
    assert b'"description": "' not in freeze.wire_schema()


def test_all_messages_of_the_protocol_are_covered(freeze: ModuleType) -> None:
    names = {message.__name__ for message in freeze.wire_messages()}
    assert names >= {
        *("Record", "Batch", "Receipt", "Quarantined", "Withheld", "BatchAccount", "Receipts", "Body", "BodyStored"),
        *("PairingStart", "PairingStarted", "PairingPoll", "PairingState", "WhoAmI", "DaemonTotals", "PricingRates"),
        *("ErrorBody",),
    }
