"""What the rules of data.yaml find, and what they leave alone. Never run: `semgrep test` reads it."""

# ruleid: sql-put-together
session.execute(f"SELECT * FROM resource WHERE id = '{sent}'")
# ruleid: sql-put-together
session.execute(text(f"DROP TABLE {name}"))
# ruleid: sql-put-together
session.execute("SELECT * FROM resource WHERE id = '%s'" % sent)
# ruleid: sql-put-together
session.execute("SELECT * FROM resource WHERE id = " + sent)
# ok: sql-put-together
session.execute(text("SELECT * FROM resource WHERE id = :id"), {"id": sent})
# ok: sql-put-together
session.exec(select(Resource).where(Resource.id == sent))

# ruleid: engine-of-its-own
engine = create_engine(url)
# ruleid: engine-of-its-own
connection = sqlite3.connect(file)
# ok: engine-of-its-own
database = open_database(url)

# ruleid: session-outside-a-unit
with Session(engine) as session:
    # ruleid: session-outside-a-unit
    session.commit()
# ok: session-outside-a-unit
stored = database.write(lambda session: rename(session))


def restore(sent: bytes) -> None:
    # ruleid: code-from-data
    import pickle

    # ruleid: code-from-data
    eval(sent)
    # ruleid: code-from-data
    yaml.load(sent)
    # ok: code-from-data
    yaml.safe_load(sent)
    # ok: code-from-data
    json.loads(sent)


# ruleid: shell-asked
subprocess.run(f"pg_dump {name}", shell=True)
# ruleid: shell-asked
os.system("pg_dump")
# ok: shell-asked
subprocess.run(["pg_dump", name], check=True)

# ruleid: temporary-name-guessed
open("/tmp/export.json", "w")
# ruleid: temporary-name-guessed
Path("/tmp/export.json").write_text(sent)
# ok: temporary-name-guessed
tempfile.NamedTemporaryFile()
