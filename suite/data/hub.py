"""The Hugging Face hub as a place for data: repository names, the local cache, and one short question.

Nothing here imports `datasets` or huggingface_hub: without a network they take 23 s to say so.
"""

from __future__ import annotations

import os
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORIES = {"cifar10": "uoft-cs/cifar10", "fashion_mnist": "zalando-datasets/fashion_mnist"}
PROBE_SECONDS = 2.0
# The hub's own rule; `..` would lead elsewhere on its site, and `--` parts owner from name in its cache.
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?!.*(?:\.\.|--)){_PART}(?:/{_PART})?")


def repository(name: str) -> str:
    """The hub repository of a data set's name."""
    return REPOSITORIES.get(name, name)


def is_repository(name: str) -> bool:
    """Whether a name could be one of the hub's: `name` or `owner/name`, and no more than a name."""
    return _NAME.fullmatch(name) is not None and not name.endswith((".git", ".ipynb"))


def endpoint() -> str:
    """The hub's address."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def shown_endpoint() -> str:
    """The hub's address as it may be shown and stored: without a user's name and password."""
    scheme, separator, rest = endpoint().partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def offline() -> str | None:
    """The variable that forbids asking the hub, if one is set."""
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(variable, "").upper() in {"1", "ON", "YES", "TRUE"}:
            return variable
    return None


def cache_folder() -> Path:
    """Where huggingface_hub keeps what it has downloaded."""
    for variable, inner in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser() / inner
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


def snapshots(name: str) -> list[Path]:
    """The downloaded versions of a data set's repository, the current one first, then by age."""
    home = cache_folder() / f"datasets--{repository(name).replace('/', '--')}"
    try:
        found = sorted((home / "snapshots").iterdir(), key=lambda path: -path.stat().st_mtime)
    except OSError:
        return []
    try:
        current = (home / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        current = ""
    return sorted(found, key=lambda path: path.name != current)


def why_not(name: str) -> str | None:
    """Ask the hub for the data set, for 2 s at most: None if it has it, else why it cannot be had."""
    answer: list[str | None] = []
    # A thread, because no timeout of urllib's covers a name server that does not answer.
    asking = threading.Thread(target=lambda: answer.append(_ask(name)), daemon=True)
    asking.start()
    asking.join(PROBE_SECONDS + 0.3)
    return answer[0] if answer else f"no answer within {PROBE_SECONDS:g} s"


def _ask(name: str) -> str | None:
    url = f"{endpoint()}/datasets/{repository(name)}"
    try:
        request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "nas-suite"})
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        if error.code in (401, 404):
            return "no public data set of that name there"
        return f"answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return f"cannot be reached ({error.reason})"
    except (OSError, ValueError) as error:
        return f"cannot be reached ({error})"
