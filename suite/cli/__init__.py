"""The command line: `suite COMMAND`, also `python -m suite`. The door: it parses, opens, calls, and explains.

One file per command, named after it; `app` lists them.
"""

from suite.cli.app import main

__all__ = ["main"]
