"""The packages that the installed suite asks for, by its own metadata, and what of them is there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from suite.finding import Finding

_SUITE = "nas-suite"
_WHAT_FOR = {"postgres": "trials in PostgreSQL", "export": "ONNX files", "dev": "tests, lint and screenshots"}


@dataclass(frozen=True)
class Package:
    """One package that is asked for; `extra` is the optional part that does, or empty."""

    asked: Requirement
    extra: str
    found: str | None

    @property
    def fits(self) -> bool:
        """Whether it is there, in a version that was asked for."""
        return self.found is not None and self.asked.specifier.contains(self.found, prereleases=True)

    @property
    def for_pip(self) -> str:
        """As `pip install` takes it: `psycopg[binary]>=3.2`."""
        extras = f"[{','.join(sorted(self.asked.extras))}]" if self.asked.extras else ""
        return f"{self.asked.name}{extras}{self.asked.specifier}"

    def finding(self) -> Finding:
        """What is to be said of a package that cannot be done without."""
        name, remedy = self.asked.name, f"pip install {shlex.quote(self.for_pip)}"
        if self.found is None:
            return Finding(name, "bad", f"is missing: {remedy}")
        if not self.fits:
            return Finding(name, "bad", f"{self.found} is not what the suite asks for: {remedy}")
        return Finding(name, "good", self.found)


def missing() -> list[Package]:
    """Packages without which nothing but this can be said."""
    return [package for package in _packages() if not package.extra and package.found is None]


def required() -> Iterator[Finding]:
    """Of what every run needs: each that is pinned or does not fit, and how many others do."""
    others = []
    for package in _packages():
        if package.extra:
            continue
        if package.fits and "==" not in str(package.asked.specifier):
            others.append(package)
        else:
            yield package.finding()
    yield Finding("Other packages", "good", f"{len(others)}, each as new as is asked for.")


def optional(*, left_out: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Of each optional part: what of it is there, or what to install."""
    packages = _packages()
    for extra in sorted({package.extra for package in packages} - {""} - left_out):
        of_it = [package for package in packages if package.extra == extra]
        lacking = [package for package in of_it if not package.fits]
        what_for = f"for {_WHAT_FOR[extra]}: " if extra in _WHAT_FOR else ""
        if lacking:
            names = ", ".join(package.asked.name for package in lacking)
            remedy = shlex.join(["pip", "install", *(package.for_pip for package in lacking)])
            yield Finding(f"Optional: {extra}", "note", f"{what_for}lacks {names}: {remedy}")
        else:
            there = ", ".join(f"{package.asked.name} {package.found}" for package in of_it)
            yield Finding(f"Optional: {extra}", "good", f"{what_for}{there}")


def _packages() -> list[Package]:
    extras = ["", *(metadata(_SUITE).get_all("Provides-Extra") or [])]
    packages = []
    for asked in map(Requirement, requires(_SUITE) or []):
        wanted_by = (e for e in extras if asked.marker is None or asked.marker.evaluate({"extra": e}))
        extra = next(wanted_by, None)  # of those that any may want, only the first counts: the bare suite
        packages += [] if extra is None else [Package(asked, extra, _version(asked.name))]
    return packages


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
