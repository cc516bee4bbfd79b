"""A real browser, headless, that remembers what it asked for and what it complained of."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)


@contextmanager
def browser() -> Iterator[Chrome]:
    """Chromium under chromedriver; skips where they are not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver")
    options = ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="suite-browser-", ignore_cleanup_errors=True) as folder:
        for option in (*_OPTIONS, f"--user-data-dir={Path(folder) / 'profile'}"):
            options.add_argument(option)
        opened = Chrome(options=options, service=Service(driver))
        try:
            yield opened
        finally:
            opened.quit()


def complaints(opened: Chrome) -> list[str]:
    """What the console has said since it was last asked."""
    return [entry["message"] for entry in opened.get_log("browser")]


def requested(opened: Chrome) -> list[str]:
    """Every address asked for since it was last asked, but those that are inside the page."""
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("data:", "blob:", "chrome:"))]
