"""Landing at the door: from an upload's bytes to durable Parquet, a ledger row and an honest receipt."""
