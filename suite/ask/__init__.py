"""Questions to a finished run, answered at once and without torch: the best networks within limits.

Of the whole space by the oracle's table, or of the search's front by how long its networks take on another device.
"""

from suite.ask.from_oracle import answer
from suite.ask.from_timings import answer_there
from suite.ask.limits import parse_limits

__all__ = ["answer", "answer_there", "parse_limits"]
