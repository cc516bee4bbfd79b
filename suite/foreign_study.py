"""What lies where a run's trials should go and is not the run's: told apart before anything is written into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL

from suite.errors import StorageError

_OWNER = "run_token"  # of the run that began an Optuna study, as its attribute
_ELSEWHERE = "Give another --run-dir, after which a run's Optuna studies are named, or another --storage."


def refuse_other_database(url: URL) -> None:
    """Refuse a SQLite file with tables of another program: Optuna would put its own beside them.

    Raises:
        StorageError: it has.
        SQLAlchemyError: it cannot be read.
    """
    file = url.database or ""
    if url.get_backend_name() != "sqlite" or not Path(file).is_file():
        return
    engine = create_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if tables and "version_info" not in tables:
        raise StorageError(
            f"is the database of another program (it has a table {tables[0]!r}).",
            where=url.render_as_string(),
            remedy="Give another --storage.",
        )


def refuse_taken_name(storage: BaseStorage, run: str, where: str) -> None:
    """Refuse a storage in which a new run, `<study>/<run-id>`, would find Optuna studies of its name.

    Raises:
        StorageError: there is one; names it.
    """
    taken = [name for name in optuna.get_all_study_names(storage) if name.startswith(f"{run}/")]
    if taken:
        raise StorageError(
            f"has an Optuna study {min(taken)!r} already, which another run made.",
            where=where,
            remedy=_ELSEWHERE,
        )


def own_study(
    storage: BaseStorage,
    name: str,
    directions: Sequence[StudyDirection],
    metrics: Sequence[str],
    *,
    owner: str | None = None,
    may_lack_names: bool = False,
) -> optuna.Study | None:
    """The Optuna study of that name, if there is one; looking writes nothing.

    One without names of its objectives is the run's if it has no trials yet, or if it `may_lack_names`; one without
    an owner is, if it has no trials yet. Without an `owner` (a run of an older suite) nobody's is refused.

    Raises:
        StorageError: its objectives are not those of the run, which it names, or another run began it.
    """
    try:
        storage.get_study_id_from_name(name)
    except KeyError:
        return None
    study = optuna.load_study(study_name=name, storage=storage)
    named = study.metric_names
    # A stop before it got its names, or an older suite, which gave none.
    is_unnamed = named is None and (may_lack_names or not study.get_trials(deepcopy=False))
    if study.directions != list(directions) or not (is_unnamed or named == list(metrics)):
        theirs = ", ".join(named or []) or f"{len(study.directions)} without a name"
        raise StorageError(
            f"is an Optuna study of other objectives ({theirs}), not of this run's ({', '.join(metrics)}).",
            where=name,
            remedy="Resume with the storage that the run was begun with, or begin a new run.",
        )
    begun_by = study.user_attrs.get(_OWNER)
    if owner is not None and begun_by != owner and (begun_by is not None or study.get_trials(deepcopy=False)):
        raise _of_another_run(name)
    return study


def claim(study: optuna.Study, owner: str | None) -> None:
    """Make a study that nobody owns yet that of a run.

    Raises:
        StorageError: another run was quicker.
    """
    if owner is None:
        return
    if study.user_attrs.get(_OWNER) is None:
        study.set_user_attr(_OWNER, owner)
    if study.user_attrs.get(_OWNER) != owner:
        raise _of_another_run(study.study_name)


def _of_another_run(name: str) -> StorageError:
    return StorageError(
        "is the Optuna study of another run, which has a directory of the same name.",
        where=name,
        remedy="Give another --storage, or begin a new run in a directory of another name.",
    )
