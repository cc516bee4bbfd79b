"""The URL of a storage: read, chosen, and shown without its password."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from suite.errors import StorageError
from suite.run_directory import RunDirectory


def storage_url(run: RunDirectory, given: str | None) -> str:
    """The storage of a run, which a user may give again: a password is not kept.

    Raises:
        StorageError: a password is in the environment, and only the run's files say to which server it would go.
    """
    url = given or stored_url(run)
    if not given and os.environ.get("PGPASSWORD") and names_server(url):
        raise StorageError(
            "is where the run's files say that its trials are. A password in PGPASSWORD goes only to a server that "
            "you name yourself.",
            where=url,
            remedy="If it is yours, name it by --storage or SUITE_STORAGE.",
        )
    return url


def stored_url(run: RunDirectory) -> str:
    """The storage that a run's files name: a server without a password, or anything that chooses one (`hostaddr`)."""
    stored = (run.read_json("run.json") or {}).get("storage")
    return shown_url(str(stored)) if stored else sqlite_url(run.path.resolve() / "study.db")


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file: a `%`, `?` or `#` in its path means nothing but itself."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def file_of(url: str) -> Path | None:
    """The file that a storage URL names; None of a server, and of what is no URL."""
    if url.startswith("journal:"):
        return Path(url.removeprefix("journal:"))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    sqlite = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(str(parsed.database)) if sqlite else None


def absolute_url(url: str) -> str:
    """A storage URL whose file does not depend on the folder the suite is called from."""
    file = file_of(url)
    if file is None:
        return url
    if url.startswith("journal:"):
        return f"journal:{file.resolve()}"
    return make_url(url).set(database=str(file.resolve())).render_as_string(hide_password=False)


def shown_url(url: str) -> str:
    """A storage URL as it may be shown and stored: without its password."""
    if url.startswith("journal:"):
        return url
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "(not a URL)"
    if _is_torn(url, parsed):
        return "(not a URL)"
    bare = URL.create(
        parsed.drivername,
        username=parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
    )
    return bare.render_as_string()


def names_server(url: str) -> bool:
    """Whether the URL is that of a database server, not of a file."""
    return not url.startswith("journal:") and is_server(parsed_url(url))


def is_server(url: URL) -> bool:
    """The same of a parsed one."""
    return url.host is not None


def parsed_url(url: str) -> URL:
    """A URL of SQLAlchemy's that says which driver."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number, say
        raise StorageError(
            "is no storage URL.",
            where="--storage",
            remedy="Use sqlite:///FILE, journal:FILE or postgresql+psycopg://USER@HOST/DATABASE",
        ) from None
    if _is_torn(url, parsed):
        raise StorageError(
            "has an @ before its host that is not written as one.",
            where="--storage",
            remedy="Write an @ in a user or a password as %40.",
        )
    if parsed.drivername == "postgresql":  # SQLAlchemy's default driver has changed before: say which
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _is_torn(url: str, parsed: URL) -> bool:
    """Whether a password was taken to end at an @ of its own, its tail for a host, a database or options."""
    return parsed.password is not None and "@" in url.partition("@")[2]
