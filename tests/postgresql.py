"""A throw-away PostgreSQL server on loopback, with a password as real servers have."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PASSWORD = "s3cret-pg"


def what_is_missing() -> str | None:
    """Why no server can be started here, or None if one can."""
    if _binaries() is None:
        return "no PostgreSQL server is installed"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "PostgreSQL refuses to run as root, and there is no setpriv to be somebody else"
    return None


@dataclass
class Server:
    """A server that is running."""

    folder: Path
    port: int
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def start(cls, folder: Path) -> Server:
        """Make a cluster in `folder` and start it; takes about a second."""
        if os.geteuid() == 0:  # the folders above are root's alone
            shutil.chown(folder, "postgres")
            for parent in (folder.parent, folder.parent.parent):
                parent.chmod(parent.stat().st_mode | 0o011)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        server = cls(folder, port)
        words = ("--auth=scram-sha-256", "--username=suite", "--no-sync")
        server._run("initdb", f"--pgdata={folder / 'data'}", *words, f"--pwfile={folder / 'password'}")
        server.start_again()
        return server

    @property
    def runs(self) -> bool:
        """Whether it is there to connect to."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def start_again(self) -> None:
        """Start the server, on its port of before and with all that was in it."""
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p {self.port}"
        log = self.folder / "server.log"
        words = (
            "start",
            "--wait",
            f"--pgdata={self.folder / 'data'}",
            f"--log={log}",
            f"--options={options}",
        )
        self._run("pg_ctl", *words)

    def new_database(self) -> str:
        """The URL, password and all, of a new, empty database."""
        import psycopg

        name = f"suite_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self._address(name)

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={self.folder / 'data'}")

    def _address(self, database: str) -> str:
        return f"postgresql://suite:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *words: str) -> None:
        binaries = _binaries()
        assert binaries is not None
        somebody = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        )
        subprocess.run(
            [*somebody, str(binaries / program), *words],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None
