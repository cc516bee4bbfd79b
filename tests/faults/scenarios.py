"""The other faults: tests marked `fault`, run by pytest and counted for the table."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pytest


@dataclass
class Scenario:
    """A fault that tests cause, on one storage."""

    fault: str
    storage: str
    times: int = 0
    passed: bool = True
    skipped: str = ""  # why it was not caused, or not in every way

    @property
    def lost(self) -> str:
        """What the table says of it."""
        if not self.passed:
            return "THE TEST FAILED"
        caused = "nothing" if self.times else ""
        return "; ".join(filter(None, (caused, self.skipped and f"not caused: {self.skipped}")))


class _Collector:
    """A pytest plugin that adds up what becomes of marked tests."""

    def __init__(self) -> None:
        self.scenarios: dict[tuple[str, str], Scenario] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count a test that ran, or whose fixtures failed, or that was skipped; reports know no marks."""
        report = yield
        mark = item.get_closest_marker("fault")
        if mark is not None and (report.when == "call" or not report.passed):
            key = str(mark.args[0]), _storage_of(item)
            scenario = self.scenarios.setdefault(key, Scenario(*key))
            if report.skipped:
                scenario.skipped = _reason(report)
            else:
                scenario.times += 1
                scenario.passed &= report.passed
        return report


def _reason(report: pytest.TestReport) -> str:
    """Of a skip; pytest has it behind the place, and its own word before it."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")


def _storage_of(item: pytest.Item) -> str:
    """The storage that the test was given, or the one that its file is about."""
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    named = item.get_closest_marker("fault")
    assert named is not None
    return str(parameters.get("url") or named.kwargs.get("storage", "any"))


def run_scenarios(*where: str) -> list[Scenario]:
    """Run every marked test once, or those of some files."""
    collector = _Collector()
    pytest.main(["-q", "-m", "fault", "-p", "no:cacheprovider", *where], plugins=[collector])
    return list(collector.scenarios.values())
