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


class _Collector:
    """A pytest plugin that adds up what becomes of marked tests."""

    def __init__(self) -> None:
        self.scenarios: dict[tuple[str, str], Scenario] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count a test that ran, or whose fixtures failed; the report alone does not know the marks."""
        report = yield
        mark = item.get_closest_marker("fault")
        if mark is not None and not report.skipped and (report.when == "call" or report.failed):
            self._count(str(mark.args[0]), _storage_of(item), passed=report.passed)
        return report

    def _count(self, fault: str, storage: str, *, passed: bool) -> None:
        scenario = self.scenarios.setdefault((fault, storage), Scenario(fault, storage))
        scenario.times += 1
        scenario.passed &= passed


def _storage_of(item: pytest.Item) -> str:
    """The storage that the test was given, or the one that its file is about."""
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    named = item.get_closest_marker("fault")
    assert named is not None
    return str(parameters.get("url") or named.kwargs.get("storage", "any"))


def run_scenarios() -> list[Scenario]:
    """Run every marked test once."""
    collector = _Collector()
    pytest.main(["-q", "-m", "fault", "-p", "no:cacheprovider"], plugins=[collector])
    return list(collector.scenarios.values())
