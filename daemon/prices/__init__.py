"""What a call costs: the dated price table and a person's own prices."""
