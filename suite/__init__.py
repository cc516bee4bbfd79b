"""Find a small, fast CNN for a picture data set, and show how far the result can be believed.

From Python: `run_study` runs a search, `read_run` reads one, `load` loads a network. They are loaded on first use, so
that `import suite` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Network", "Run", "__version__", "load", "read_run", "run_study"]

if TYPE_CHECKING:
    from suite.api import Network, Run, load, read_run, run_study
else:

    def __getattr__(name):
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("suite.api"), name)
