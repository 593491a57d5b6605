"""Repricing runs: a month priced again by what is known now, and the restatement ledger they are written into."""
