"""Everything that can go wrong in a way a person can mend: what happened, where, and what to do."""

from __future__ import annotations

import errno

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG})
"""What a disk answers that is full, or does not work: nobody's wrong input."""


class SuiteError(Exception):
    """Base of all errors the suite raises on purpose; the CLI prints it as one paragraph, no traceback.

    `exit_code` is what the process ends with: 2 for wrong use or input, 1 for work that failed.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} {self.remedy}" if self.remedy else text


class StudyFileError(SuiteError):
    """A study file, or a `--set`, that says something the suite cannot do."""

    exit_code = 2


class DataError(SuiteError):
    """Pictures or labels that are missing, damaged or not what they claim to be."""

    exit_code = 2


class GenomeError(SuiteError):
    """A genome text that does not parse, or names a network outside the study's space."""

    exit_code = 2


class RunDirectoryError(SuiteError):
    """A run directory that is missing, locked, damaged, or belongs to another study."""

    exit_code = 2


class StorageError(SuiteError):
    """An Optuna storage that cannot be opened, reached or written."""

    exit_code = 2


class DeviceError(SuiteError):
    """A device was asked for that this machine does not have."""

    exit_code = 2


class LimitsError(SuiteError):
    """Limits that do not parse, or within which the space has no network."""

    exit_code = 2


class ExportError(SuiteError):
    """An exported model that is missing or damaged, or a folder that cannot take one."""

    exit_code = 2


class TimingsError(SuiteError):
    """A file of timings that is damaged, or of other networks than the run's."""

    exit_code = 2


class FidelityError(SuiteError):
    """A truth table that is damaged, of another regime, or too small to say anything."""

    exit_code = 2


class SealedTestError(SuiteError):
    """The test pictures were asked for without, or against, the written choice."""


class SearchError(SuiteError):
    """A search that found nothing to go on with, such as no network within the limits."""


class TrainingError(SuiteError):
    """A training that cannot go on, such as a loss that is no longer a number."""


class ConversionError(SuiteError):
    """A network that says something else in its exported form."""


class StoppedError(SuiteError):
    """Work that stopped as its disk is full or its database gone; what was finished is kept, and it can go on."""


class OutOfMemoryError(SuiteError):
    """Too little memory for even the smallest piece of work."""


class UnansweredError(Exception):
    """A COMMIT may have been done or not, and the server cannot say; `clean_stop` makes a StoppedError of it."""
