"""Search on scikit-learn's digits from Python: python examples/search_digits.py [KEY=VALUE ...]

From the folder of the checkout, where studies/ is. Overrides are those of `suite search --set`, such as
search.generations=2 for a shorter search.
"""

from __future__ import annotations

import sys

from suite import run_study

run = run_study("studies/digits.toml", sys.argv[1:])
winner, test = run.results["winner"], run.results["test"]
print(
    f"Winner {winner['genome']}: {winner['params']:,} parameters, test accuracy {test['eval_accuracy']:.2%}"
)
print(f"Report {run.report}")
