"""The sessions: `nox -l` lists them, words after `--` go to the suite (or to pytest).

All of them share one environment, `.venv` in this folder, made on first use: torch for Linux is some 6 GB, too much
to have once per session. Set SUITE_VENV to use an environment of your own instead (README, "Installing").
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nox
from nox.command import CommandFailed

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent
PYTHON = Path("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST_PYTHON = (3, 11)
STAMP, UNFINISHED = "suite-stamp", "unfinished"
# Fails as well where a new system Python has come under an environment: that one does not look where its pip lies.
WORKS = (
    "import sys, importlib.util as find; "
    f"sys.exit(sys.version_info < {OLDEST_PYTHON} or find.find_spec('pip') is None)"
)
IMPORTS = "import torch, torchvision, suite"
PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"
NOTHING_TOLD = "Nothing was looked up: what answers in PyPI's place here knows none of these packages."
ADVISORIES = "https://pypi.org/pypi/pip/json"
GRACE_SECONDS = 120.0  # after Ctrl-C: the suite is writing down what it has

Run = Callable[[Sequence[str]], int]
Say = Callable[[str], None]

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "none"


class EnvironmentFaultError(Exception):
    """The shared environment cannot be made or used; says what to do."""


@nox.session(name="search-digits")
def search_digits(session: nox.Session) -> None:
    """Search on scikit-learn's digits (minutes, no download), then publish the report."""
    _search(session, "digits")


@nox.session(name="search-cifar10")
def search_cifar10(session: nox.Session) -> None:
    """Search on CIFAR-10, then publish the report; `-- --quick` runs the short study."""
    _search(session, "cifar10")


@nox.session(name="search-fashion-mnist")
def search_fashion_mnist(session: nox.Session) -> None:
    """Search on Fashion-MNIST, then publish the report; `-- --quick` runs the short study."""
    _search(session, "fashion_mnist")


@nox.session
def tests(session: nox.Session) -> None:
    """Run pytest, a process a core, each file in one of them; words after `--` go to it."""
    # In the order that tests/conftest.py puts the files into.
    by_file = ("--dist", "loadfile", "--no-loadscope-reorder")
    session.run(_python(session), "-m", "pytest", "-n", "auto", *by_file, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff (rules and format) and mypy."""
    python = _python(session)
    session.run(python, "-m", "ruff", "check", ".")
    session.run(python, "-m", "ruff", "format", "--check", ".")
    session.run(python, "-m", "mypy")


@nox.session
def dashboard(session: nox.Session) -> None:
    """Browse the latest run's trials (or `-- RUN`) on 127.0.0.1."""
    _suite(session, "dashboard", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write the latest run's report again (or `-- RUN`); `-- --publish` copies it to reports/."""
    _suite(session, "report", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure: `-- recording`, `evaluation`, `durability`, `start`, `dashboard`, `explorer` or `drift`."""
    _suite(session, "bench", *session.posargs)


@nox.session(name="benchmark-tabular")
def benchmark_tabular(session: nox.Session) -> None:
    """Search methods on really trained networks, into reports/benchmark-tabular: `-- --table FILE`; hours."""
    _suite(session, "bench", "tabular", *session.posargs)


@nox.session(name="benchmark-supernet")
def benchmark_supernet(session: nox.Session) -> None:
    """Search methods on the oracle of the latest run (or `-- RUN`), into reports/benchmark-supernet; hours."""
    _suite(session, "bench", "supernet", *session.posargs)


@nox.session(name="benchmark-wall-clock")
def benchmark_wall_clock(session: nox.Session) -> None:
    """The suite, plain Optuna and no search by the clock: `-- --study STUDY --budgets 15,30 --seeds 3`; hours."""
    _suite(session, "bench", "wall-clock", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill runs on every storage, cause every other fault, write docs/faults.md; `-- --each 1` is shorter."""
    session.run(_python(session), "-m", "tests.faults", *session.posargs)


@nox.session
def screenshots(session: nox.Session) -> None:
    """Take the pictures of docs/ anew, of the latest run (or `-- RUN`), which needs an oracle; needs Chromium."""
    session.run(_python(session), "-m", "tests.screenshots", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Ask PyPI for known vulnerabilities of the environment's packages; needs the network, so CI leaves it out."""
    python = _python(session)
    if why := unreachable(ADVISORIES):
        session.error(f"{ADVISORIES} does not answer ({why}); an audit asks it for advisories. Go online.")
    folder = Path(session.create_tmp()).resolve()  # pip-audit's packages stay out of the suite's environment
    session.run(sys.executable, "-m", "venv", str(folder))
    session.run(str(folder / PYTHON), "-m", "pip", "install", "--quiet", "pip-audit")
    packages = str(session.run(python, "-c", PACKAGES, silent=True)).strip()
    report = folder / "audit.json"
    report.unlink(missing_ok=True)
    words = ["--path", packages, "--skip-editable", "--progress-spinner=off", "-f=json", f"-o={report}"]
    # It ends with 1 when it has found something, and with 0 when it was told nothing about anything.
    session.run(str(folder / PYTHON), "-m", "pip_audit", *words, success_codes=[0, 1])
    if not report.exists():
        session.error("pip-audit could not do its work; what it says above tells why.")
    vulnerable, untold, told = findings(report.read_text())
    session.log(f"{told} packages looked up; not known there: {', '.join(untold) or 'none'}.")
    if not told:
        session.error(NOTHING_TOLD)
    if vulnerable:
        session.error("\n  ".join(["Known vulnerabilities:", *vulnerable]))


def unreachable(url: str) -> str | None:
    """Why an address does not answer; None if it does."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return None
    except (OSError, ValueError) as error:
        return str(error)


def findings(report: str) -> tuple[list[str], list[str], int]:
    """Of pip-audit's JSON: vulnerable packages and what mends them, those nothing is known of, how many are known."""
    packages = json.loads(report)["dependencies"]
    untold = [package["name"] for package in packages if "skip_reason" in package]
    vulnerable = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for package in packages
        for fault in package.get("vulns", [])
    ]
    return vulnerable, untold, len(packages) - len(untold)


def _search(session: nox.Session, name: str) -> None:
    """Run the study, then publish the report of the run, or the set of seeds, it made or went on with."""
    words = [word for word in session.posargs if word != "--quick"]
    study = name if len(words) == len(session.posargs) else f"{name}-quick"
    file = Path("studies", f"{study}.toml")
    if not file.exists():
        session.error(f"There is no {file}: this study has no short form, so leave --quick out.")
    _suite(session, "search", str(file), *words)
    if not {"-h", "--help"} & set(words):
        _suite(session, "report", *run_searched(study, words), "--publish")


def run_searched(study: str, words: Sequence[str]) -> list[str]:
    """The run or set of seeds that `suite search` with these words has just worked on, as words for `suite report`.

    Named, not left to "the latest run": another search may have begun since.
    """
    for place, word in enumerate(words):
        if word == "--run-dir":
            return list(words[place + 1 : place + 2])
        if word.startswith("--run-dir="):
            return [word.removeprefix("--run-dir=")]
    mark = "set.json" if any(word.partition("=")[0] == "--seeds" for word in words) else "run.json"
    for word in words:
        key, _, value = word.removeprefix("--set=").partition("=")
        if key.strip() == "name":
            study = value.strip().strip("\"'")
    begun = sorted((ROOT / "runs" / study).glob(f"*/{mark}"), key=lambda file: file.stat().st_mtime)
    return [str(file.parent.relative_to(ROOT)) for file in begun[-1:]]


# These two are those of suite/cli/secret.py, and a test holds them to it: nox's environment has none of the packages
# that importing from there takes.
def without_storage(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without any `--storage URL`, and the URLs."""
    left: list[str] = []
    urls: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--storage" and (url := next(rest, None)) is not None:
            urls.append(url)
        elif word.startswith("--storage="):
            urls.append(word.removeprefix("--storage="))
        else:
            left.append(word)
    return left, urls


def has_password(url: str) -> bool:
    """Whether a URL holds one, before its host or among its options, whatever characters it has."""
    try:
        return bool(re.search("://[^:/]*:[^@]+@", url)) or "password" in parse_qs(urlsplit(url).query)
    except ValueError:
        return "@" in url


def _suite(session: nox.Session, *words: str) -> None:
    """Run the suite and, if it fails, end with its own exit code: nox would make 1 of any.

    nox prints its commands, so storages go by the environment; a password has been on nox's own command line by now,
    where all who list processes can read it.
    """
    left, urls = without_storage(words)
    if any(map(has_password, urls)):
        session.error(
            "Everybody here can read nox's command line: give a URL with a password by SUITE_STORAGE."
        )
    command = [_python(session), "-m", "suite", *left]
    given = {"SUITE_STORAGE": " ".join(urls)} if urls else {}
    try:  # stderr=None: nox would mix it into stdout
        session.run(*command, env=given, stderr=None, interrupt_timeout=GRACE_SECONDS)
    except CommandFailed as failure:
        sys.exit(getattr(failure, "return_code", None) or 1)


def _python(session: nox.Session) -> str:
    """The shared environment's interpreter; the environment is made or brought up to date first."""
    folder = ROOT / Path(os.environ.get("SUITE_VENV") or ".venv").expanduser()
    try:
        require_python(sys.version_info[:2])
        return str(ready_environment(folder, _call, session.log))
    except EnvironmentFaultError as fault:
        session.error(str(fault))


def require_python(version: tuple[int, int]) -> None:
    """Raises: EnvironmentFaultError: this Python is too old for the suite."""
    if version < OLDEST_PYTHON:
        raise EnvironmentFaultError(
            f"The suite needs Python 3.11 or newer, and this nox runs on {version[0]}.{version[1]}. "
            "Install nox with a newer one: python3.11 -m pip install nox"
        )


def ready_environment(folder: Path, run: Run, say: Say) -> Path:
    """The interpreter of `folder`, in which the suite is installed as pyproject.toml has it; one session makes it.

    A stamp beside it says who made the environment and for what, and that it is unfinished until the last step is
    done: pip takes half-copied packages for installed, so one of ours that was cut off is made again from nothing.
    One without our stamp is the user's own; it is added to and never cleared. A right stamp costs no call of pip.

    Raises:
        EnvironmentFaultError: a step failed; says which and what to do.
    """
    folder = folder.resolve()
    with _alone(folder, say):
        return _ready(folder, run, say)


def _ready(folder: Path, run: Run, say: Say) -> Path:
    python, stamp = folder / PYTHON, folder / STAMP
    maker, state = _read_stamp(stamp)
    works = python.exists() and run([str(python), "-c", WORKS]) == 0
    if works and state == _wanted():
        return python
    if _is_empty(folder) or (maker == "nox" and not (works and state != UNFINISHED)):
        maker = "nox"
        say(f"Making {folder}: a few minutes; PyTorch's CUDA build is 3 GB to download and 6 GB on disk.")
        _make(folder, run)
    elif works:
        say(f"Bringing {folder} up to date with pyproject.toml: up to a few minutes.")
    else:
        raise EnvironmentFaultError(
            f"{folder} has no working Python 3.11 or newer with pip. Make it again, or delete it."
        )
    stamp.write_text(f"{maker} {UNFINISHED}\n")
    _step(run, [str(python), "-m", "pip", "install", "-e", f"{ROOT}[dev]"], "What pip says above tells why.")
    _step(run, [str(python), "-c", IMPORTS], f"Delete {folder} and run this again.")
    stamp.write_text(f"{maker} {_wanted()}\n")
    return python


@contextmanager
def _alone(folder: Path, say: Say) -> Iterator[None]:
    """No other session of this user's makes the folder meanwhile; where nothing can be locked, that is hoped for."""
    try:
        lock = (folder.parent / f"{folder.name}.lock").open("a")
    except OSError:
        yield
        return
    with lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"Another session is making {folder}; waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:  # some network drives have no locks
                pass
        yield


def _make(folder: Path, run: Run) -> None:
    """An environment with nothing but pip, marked as unfinished before it holds anything."""
    if folder == Path(sys.prefix).resolve():
        raise EnvironmentFaultError(
            f"{folder} has to be made again, but this nox runs in it. Use another nox."
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / STAMP).write_text(f"nox {UNFINISHED}\n")
    _step(run, [sys.executable, "-m", "venv", str(folder)], "On Debian it needs the package python3-venv.")


def _step(run: Run, command: list[str], remedy: str) -> None:
    if code := run(command):
        raise EnvironmentFaultError(f"{' '.join(command)} failed with exit code {code}. {remedy}")


def _call(command: Sequence[str]) -> int:
    """Run a command for its exit code; one that cannot even be started gives 127, as in a shell."""
    try:
        return subprocess.run(command, cwd=ROOT).returncode
    except OSError:
        return 127


def _wanted() -> str:
    """What the environment is to be like: pyproject.toml, and this checkout (the install is editable)."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + bytes(ROOT)).hexdigest()


def _read_stamp(stamp: Path) -> tuple[str, str]:
    """(who made the environment: nox or user; what for, or unfinished, or "" if it was never stamped)."""
    try:
        maker, state = stamp.read_text().split()
    except (OSError, ValueError):
        return "user", ""
    return maker, state


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())
