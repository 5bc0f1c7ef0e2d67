"""A list of any length in a statement that is made once."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlmodel import Field, Session, SQLModel

from infra.among import among
from infra.database import Database
from infra.statements import Statement
from tests.effort import examples


class Word(SQLModel, table=True):
    __tablename__ = "test_word"

    text: str = Field(primary_key=True)


TABLE = Word.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
WANTED = Statement(select(TABLE.c.text).where(among(TABLE.c.text, "wanted")))
WORDS = ["", "a", "b", "Müller", "O'Brien", '"quoted", [1]', "{x,y}", "NULL", "a\\b", "😀"]


def put(session: Session) -> None:
    session.add_all(Word(text=word) for word in WORDS)


async def test_what_is_in_the_list_is_found_and_nothing_else(database: Database) -> None:
    await database.write(put)

    async def found(wanted: Sequence[str]) -> set[str]:
        rows = await database.read(lambda session: WANTED.rows(session, {"wanted": wanted}))
        return {text for (text,) in rows}

    assert await found(WORDS) == set(WORDS)
    assert await found([]) == set()
    for word in WORDS:
        assert await found([word, "absent"]) == {word}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(held=st.sets(TEXTS, max_size=6), wanted=st.lists(TEXTS, max_size=6))
@examples(50)
def test_sqlite_finds_the_same_as_python(held: set[str], wanted: list[str]) -> None:
    with create_engine("sqlite://").connect() as connection, Session(connection) as session:
        SQLModel.metadata.create_all(connection, tables=[TABLE])
        session.add_all(Word(text=word) for word in held)
        session.flush()

        found = {text for (text,) in WANTED.rows(session, {"wanted": wanted})}

    assert found == held & set(wanted)
