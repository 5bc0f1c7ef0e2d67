"""Statements made once: the SQL text of a SQLAlchemy statement and the order of its values, run on the driver itself.

SQLAlchemy's own execution costs 100 us of Python for a statement that SQLite answers in 5: it looks the compiled form
up, builds a context and a result, every time. What never changes from call to call is done here when a statement is
first used. README.md, decision 5.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, ClauseElement, Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from infra.columns import UtcDateTime, from_microseconds, to_microseconds

DRIVER: Final = "sqlite_driver"  # where a session of `infra.database` keeps SQLite's own connection
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

Row = Sequence[Any]
Convert = Callable[[Any], Any]
# Rows that one statement inserts. SQLite's driver lets go of the interpreter's lock for each statement, and takes it again:
# of the time of a small row that is the larger part.
ROWS: Final = 64
_ROW: Final = re.compile(r"(?<=VALUES )\(\?(?:, \?)*\)")
_TYPED_ROW: Final = re.compile(r"VALUES \((\$\d+::\w+(?:, \$\d+::\w+)*)\)")
_SQLITE: Final[Dialect] = sqlite.dialect()
_POSTGRES: Final[Dialect] = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


class _Slot(NamedTuple):
    """One place in the text: where its value comes from, and how the driver wants it."""

    name: str | None  # None: the same value each time, or one that is asked for
    value: Any
    ask: Callable[[], Any] | None
    convert: Convert | None


class Form:
    """A statement in one dialect."""

    def __init__(self, text: str, slots: Sequence[_Slot], converts: Sequence[tuple[int, Convert]]) -> None:
        self.text = text
        self._constant = {slot.name or str(at): slot.value for at, slot in enumerate(slots) if slot.name is None}
        self._asked: dict[Callable[[], Any], list[str]] = {}  # once for all places: it is one moment, and cheaper
        for at, slot in enumerate(slots):
            if slot.ask is not None:
                self._asked.setdefault(slot.ask, []).append(str(at))
        names = [slot.name or str(at) for at, slot in enumerate(slots)]
        self._pick = itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)
        self._binds = [(at, slot.convert) for at, slot in enumerate(slots) if slot.convert is not None]
        self._converts = converts  # columns of the answer that the driver gives in another form
        self.takes_rows = len(_ROW.findall(text)) == 1
        self._of_rows: dict[int, str] = {}

    @cached_property
    def of_lists(self) -> str | None:
        """The text of an INSERT on PostgreSQL that gets a list of all rows' values for each column; None of another text."""
        row = _TYPED_ROW.search(self.text)
        if row is None:
            return None
        lists = ", ".join(f"{value}[]" for value in row[1].split(", "))
        return f"{self.text[: row.start()]}SELECT * FROM unnest({lists}){self.text[row.end() :]}"  # of a statement and its own types  # nosec B608

    def of_rows(self, count: int) -> str:
        """The text of an INSERT with so many rows of values."""
        made = self._of_rows.get(count)
        if made is None:
            made = self._of_rows[count] = _ROW.sub(lambda row: ", ".join([row[0]] * count), self.text)
        return made

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values in the order of the text."""
        if self._constant:
            values = {**self._constant, **values}
            for ask, places in self._asked.items():
                values.update(dict.fromkeys(places, ask()))
        picked: tuple[Any, ...] = self._pick(values)
        return tuple(self._converted(picked, self._binds)) if self._binds else picked

    def converted(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as the columns' types have them."""
        if not self._converts or not rows:
            return rows
        if len(rows) == 1:
            return [self._converted(rows[0], self._converts)]
        # By columns: a list for each row would cost more than what is converted.
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        for index, convert in self._converts:
            columns[index] = map(convert, columns[index])
        return list(zip(*columns, strict=True))

    @staticmethod
    def _converted(row: Row, converts: Sequence[tuple[int, Convert]]) -> Row:
        made = list(row)
        for index, convert in converts:
            made[index] = convert(made[index])
        return made


class ListInStatementError(TypeError):
    """A list in an IN can have another length each time, so the text can't be made once. Say `among`, EXISTS or a JOIN."""


class Statement:
    """A statement with named values (`bindparam`), compiled once for each dialect."""

    def __init__(self, element: ClauseElement, *, columns: Iterable[str] | None = None) -> None:
        """`columns` names the columns of an INSERT that gets its values by name."""
        self._element = element
        self._columns = None if columns is None else list(columns)
        self._sqlite: Form | None = None
        self._postgres: Form | None = None

    def rows(self, session: Session, values: Mapping[str, Any] = NOTHING) -> Sequence[Row]:
        """All rows of the answer."""
        driver = session.info.get(DRIVER)
        if driver is not None:
            form = self.on_sqlite
            return form.converted(_asked(driver, form.text, form.bound(values)).fetchall())
        form = self._of(session)
        return form.converted(session.connection().exec_driver_sql(form.text, form.bound(values)).fetchall())

    def first(self, session: Session, values: Mapping[str, Any] = NOTHING) -> Row | None:
        """The first row of the answer, if there is one."""
        found = self.rows(session, values)
        return found[0] if found else None

    def run(self, session: Session, values: Mapping[str, Any] = NOTHING) -> int:
        """How many rows were written."""
        driver = session.info.get(DRIVER)
        if driver is not None:
            form = self.on_sqlite
            return _asked(driver, form.text, form.bound(values)).rowcount
        form = self._of(session)
        return session.connection().exec_driver_sql(form.text, form.bound(values)).rowcount

    def run_each(self, session: Session, values: Iterable[Mapping[str, Any]]) -> int:
        """How many rows were written, the statement having been run for each of the values."""
        form = self.on_sqlite if DRIVER in session.info else self._of(session)
        return self.run_rows(session, [form.bound(each) for each in values])

    def run_rows(self, session: Session, rows: Sequence[Row]) -> int:
        """How many rows were written for these rows of values, which stand in the order of the text as the driver has them."""
        if not rows:
            return 0
        driver = session.info.get(DRIVER)
        if driver is not None:
            return _asked_each(driver, self.on_sqlite, rows)
        form, connection = self._of(session), session.connection()
        if form.of_lists is not None:
            return connection.exec_driver_sql(form.of_lists, tuple(map(list, zip(*rows, strict=True)))).rowcount
        return connection.exec_driver_sql(form.text, list(map(tuple, rows))).rowcount

    @property
    def on_sqlite(self) -> Form:
        """The form for SQLite."""
        if self._sqlite is None:
            self._sqlite = self._compiled(_SQLITE)
        return self._sqlite

    @property
    def on_postgres(self) -> Form:
        """The form for PostgreSQL through asyncpg."""
        if self._postgres is None:
            self._postgres = self._compiled(_POSTGRES)
        return self._postgres

    def _of(self, session: Session) -> Form:
        return self.on_postgres if session.get_bind().dialect.name == "postgresql" else self.on_sqlite

    def _compiled(self, dialect: Dialect) -> Form:
        made: Any = self._element.compile(dialect=dialect, column_keys=self._columns)
        if made.post_compile_params:
            raise ListInStatementError
        slots = [_slot(made.binds[name], dialect) for name in made.positiontup or ()]
        columns = enumerate(made._result_columns)  # the types of the answer stand nowhere else
        converts = ((at, _read_as(column.type, dialect)) for at, column in columns)
        return Form(made.string, slots, [(at, convert) for at, convert in converts if convert is not None])


def _bound_as(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    # Without SQLAlchemy's layers around it: most statements have a moment.
    return _microseconds if isinstance(kind, UtcDateTime) else kind.dialect_impl(dialect).bind_processor(dialect)


def _read_as(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    moment = isinstance(kind, UtcDateTime)
    return _moment if moment else kind.dialect_impl(dialect).result_processor(dialect, None)


def _microseconds(value: datetime | None) -> int | None:
    return None if value is None else to_microseconds(value)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def _slot(bind: "BindParameter[Any]", dialect: Dialect) -> _Slot:
    convert = _bound_as(bind.type, dialect)
    if bind.callable is not None:
        return _Slot(None, None, bind.callable, convert)
    if bind.required:
        return _Slot(bind.key, None, None, convert)
    return _Slot(None, bind.value if convert is None else convert(bind.value), None, None)


def _asked(driver: sqlite3.Connection, text: str, values: Sequence[Any]) -> sqlite3.Cursor:
    try:
        return driver.execute(text, values)
    except sqlite3.IntegrityError as taken:
        raise IntegrityError(text, None, taken) from taken


def _asked_each(driver: sqlite3.Connection, form: Form, rows: Sequence[Row]) -> int:
    if form.takes_rows:
        parts = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
        return sum(_asked(driver, form.of_rows(len(part)), list(chain.from_iterable(part))).rowcount for part in parts)
    try:
        return driver.executemany(form.text, rows).rowcount
    except sqlite3.IntegrityError as taken:
        raise IntegrityError(form.text, None, taken) from taken
