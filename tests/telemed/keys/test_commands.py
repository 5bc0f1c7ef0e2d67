"""`telemed keys`, `backup` and `restore` as an operator runs them."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from infra import migrate
from infra.database import open_database
from telemed.__main__ import main
from tests.telemed.keys.patients import registered, status
from tests.telemed.service import demo_settings, running

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def run(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The command line beside a demo: exit status and all that was said."""
    settings = {"ENVIRONMENT": "demo", "DATA_DIR": str(tmp_path), "DATABASE_URL": empty_database_url}
    for name, value in (settings | {"LOG_LEVEL": "ERROR"}).items():
        monkeypatch.setenv(f"TELEMED_{name}", value)
    database = open_database(empty_database_url)
    await migrate.upgrade(database)
    await database.close()

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["telemed", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code or 0)), "".join(capsys.readouterr())

    return lambda *arguments: asyncio.to_thread(command, *arguments)


async def test_keys_rotate_and_are_wrapped_anew_beside_the_service(
    run: Run, empty_database_url: str, tmp_path: Path
) -> None:
    async with running(demo_settings(tmp_path, empty_database_url)) as service:
        http = await service.system("a")
        id = await registered(http, "Muster", treated=True)

        rotated, due = await run("keys", "rotate"), await run("keys", "status")
        other = await registered(http, "Beispiel")
        rewrapped, done = await run("keys", "rewrap"), await run("keys", "status")

        service.services.vault.forget()
        assert [await status(http, each) for each in (id, other)] == [200, 200]
    assert rotated[0] == 0 and "Version 2" in rotated[1]
    assert "version 1: 2 data keys" in due[1] and "telemed keys rewrap" in due[1]
    assert "2 data keys are wrapped anew." in rewrapped[1]
    assert "version 2: 3 data keys" in done[1] and "No data key needs an older version" in done[1]
    secrets = re.findall(r'"([\w+/=]{44})"', (tmp_path / "keys.json").read_text())
    assert len(secrets) == 3 and not any(secret in due[1] + done[1] for secret in secrets)


async def test_one_patients_or_one_clinics_data_key_is_renewed(
    run: Run, empty_database_url: str, tmp_path: Path
) -> None:
    async with running(demo_settings(tmp_path, empty_database_url)) as service:
        http = await service.system("a")
        id = await registered(http, "Muster", treated=True)

        said = [await run("keys", "rotate", "--patient", id), await run("keys", "rotate", "--patient", f"Patient/{id}")]
        told = await run("keys", "rotate", "--patient", "nobody")
        both = await run("keys", "rotate", "--patient", id, "--tenant", "a")

        assert [code for code, _ in said] == [0, 0]
        assert "Data key version 2" in said[0][1] and "Data key version 3" in said[1][1]
        assert (told[0], both[0]) == (1, 1) and "no data key" in told[1] and "not both" in both[1]
        assert await status(http, id) == 200


async def test_a_record_is_erased_only_when_it_is_confirmed_and_not_held(
    run: Run, empty_database_url: str, tmp_path: Path
) -> None:
    async with running(demo_settings(tmp_path, empty_database_url)) as service:
        http = await service.system("a")
        id, treated = await registered(http, "Muster"), await registered(http, "Muster", treated=True)
        reason = ("--reason", "asked for it")

        asked = await run("keys", "shred", id, *reason)
        before = await status(http, id)
        done, again = [await run("keys", "shred", id, *reason, "--confirm") for _ in range(2)]
        held = [await run("keys", "shred", treated, *reason, *more) for more in ((), ("--confirm",))]

        assert (asked[0], before, await status(http, id), await status(http, treated)) == (0, 200, 404, 200)
    assert "--confirm" in asked[1] and "patient of a " in asked[1]
    assert done[0] == again[0] == 0 and "erased since" in done[1] and done[1].splitlines()[-1] in again[1]
    assert [code for code, _ in held] == [1, 1] and all("keeps this record until" in text for _, text in held)
    assert "Erased records: 1." in (await run("keys", "status"))[1]


async def test_a_backup_is_made_beside_the_service_and_put_back_when_it_is_stopped(
    run: Run, empty_database_url: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "yesterday.backup")
    async with running(demo_settings(tmp_path, empty_database_url)) as service:
        http = await service.system("a")
        erased, kept = await registered(http, "Muster"), await registered(http, "Muster")
        made = await run("backup", file)
        await run("keys", "shred", erased, "--reason", "asked for it", "--confirm")

    refused = await run("restore", file)
    restored = await run("restore", file, "--replace")

    assert (made[0], refused[0], restored[0]) == (0, 1, 0), restored[1]
    assert "--replace" in refused[1]
    assert "of 1 patients, each patient opens; 1 records were erased again." in restored[1]
    async with running(demo_settings(tmp_path, empty_database_url)) as service:
        http = await service.system("a")
        assert [await status(http, id) for id in (erased, kept)] == [404, 200]
