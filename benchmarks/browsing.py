"""Chromium for the benchmarks that look at pages."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def chromium(browse: bool) -> AbstractContextManager[Chrome | None]:
    """A browser, or None where there is none or none is wanted; as the tests drive it, so of the extra `dev`."""
    programs, packages = map(which, ("chromium", "chromedriver")), map(find_spec, ("pytest", "selenium"))
    if not browse or None in (*programs, *packages):
        return nullcontext()
    from tests.browser import browser

    return browser()
