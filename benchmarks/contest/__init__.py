"""Search methods against each other on a judge who knows every network: the same harness, tests and page for any."""
