"""What somebody has to say of a page's numbers, such as why a rival wins: kept beside the page, and put into it."""

from __future__ import annotations

from pathlib import Path

FILE = "remark.md"


def remarked(folder: Path) -> list[str]:
    """The section of a page that holds the folder's remark; none without one."""
    remark = folder / FILE
    if not remark.is_file():
        return []
    return ["## What we make of it\n\n" + remark.read_text(encoding="utf-8").strip()]
