"""The lake: paths, schemas, ledger, landing files and the read-only catalog. Imports only the wire contract."""
