"""Runs that are killed again and again, and whether they end as one that was not: `nox -s faults`."""
