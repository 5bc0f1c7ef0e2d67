"""`column IN (a list)` as one text whatever the length of the list, so that a statement is made once (`infra.statements`)."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Dialect, String, any_, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

_POSTGRES: Final = "postgresql"


class _Texts(TypeDecorator[Collection[str]]):
    """A list of texts: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(String) if dialect.name == _POSTGRES else String())

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> Any:
        listed = list(value or ())
        return listed if dialect.name == _POSTGRES else msgspec.json.encode(listed).decode()


class _Among(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[str] | Mapped[str], name: str) -> None:
        self.column = column
        self.wanted = bindparam(name, type_=_Texts())


@compiles(_Among)
def _as_array(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(element.column == any_(element.wanted), **how)


@compiles(_Among, "sqlite")
def _as_json(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    held = func.json_each(element.wanted).table_valued("value")
    return compiler.process(element.column.in_(select(held.c.value)), **how)


def among(column: ColumnElement[str] | Mapped[str], name: str) -> ColumnElement[bool]:
    """A filter for rows whose text is one of those in the parameter of this name: any collection, an empty one too."""
    return _Among(column, name)
