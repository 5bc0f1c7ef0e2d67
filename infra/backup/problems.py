"""What keeps a backup from being made or put back."""

from infra.problems import Conflict, Problem, Unavailable


class FileTaken(Conflict):
    """There is a file of this name already. Choose another; a backup is never written over."""


class NoSuchBackup(Problem):
    """There is no backup at this path that this account can read."""


class OtherDatabase(Problem):
    """The file is no backup of this kind of database."""


class CannotWrite(Problem):
    """This account can't write a file there."""


class ServiceRuns(Conflict):
    """The database is in use. Stop the service first, then restore."""


class ToolsMissing(Unavailable):
    """The programs of PostgreSQL that this needs are not here."""


class ToolFailed(Unavailable):
    """A program of PostgreSQL gave up."""
