"""The exact fronts of the whole space in a fraction of the walk: networks surely dominated see no more pictures."""

from suite.shortlist.fronts import in_words, shortlist_space
from suite.shortlist.walks import PHASE

__all__ = ["PHASE", "in_words", "shortlist_space"]
