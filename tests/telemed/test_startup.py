"""What does not start, and what is not ready."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.queue import JobQueue, redis_pool
from infra.settings import LogLevel, Settings, UnknownSetting, refuse_unknown
from infra.vault.keys import KeysUnusable
from telemed.health import failing_parts
from telemed.startup import StartRefused, refuse_settings, with_tables
from tests.fixtures.processes import scrubbed
from tests.telemed.service import Service, running
from video.ice import ice_from, turn_credentials


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def production(**changed: Any) -> Settings:
    """Settings that may start in production, except for what is changed."""
    values: dict[str, Any] = {
        "environment": "production",
        "base_url": "https://telemed.sh.example",
        "allow_file_keys": True,
    }
    return Settings(**(values | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"trusted_proxies": "10.0.0.0/8, fc00::/7, 192.0.2.1"},
        {"smtp_url": "smtps://user:word@mail.example:465", "privacy_mail": "datenschutz@praxis.example"},
    ],
)
def test_sound_production_settings_are_accepted(changed: dict[str, Any]) -> None:
    refuse_settings(production(**changed))


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("TELEMED_ALOW_FILE_KEYS", "Did you mean TELEMED_ALLOW_FILE_KEYS?"),
        ("telemed_checkpoint_dir", "Did you mean TELEMED_CHECKPOINTS_DIR?"),
        ("TELEMED_QQQ", "infra/README.md"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest(name: str, advice: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        refuse_unknown(["HOME", "TELEMED_BASE_URL", "telemed_phone", "TELEMED_EFFORT", name])

    assert name in refused.value.text and advice in refused.value.text


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"base_url": "http://telemed.sh.example"}, "https"),
        ({"base_url": "telemed"}, "BASE_URL"),
        ({"base_url": "ftp://telemed"}, "BASE_URL"),
        ({"demo_now": datetime(2026, 1, 1, tzinfo=UTC)}, "DEMO_NOW"),
        ({"ice_loopback": True}, "ICE_LOOPBACK"),
        ({"ice_servers": "turn:turn.sh.example"}, "ICE_SECRET"),
        ({"ice_servers": "https://turn.sh.example"}, "ICE_SERVERS"),
        ({"outgoing_networks": "10.0.0.1/8"}, "OUTGOING_NETWORKS"),
        ({"trusted_proxies": "proxy"}, "TRUSTED_PROXIES"),
        ({"rate_code": "often"}, "RATE_CODE"),
        ({"trusted_proxies": "0.0.0.0/0"}, "TRUSTED_PROXIES.* wider"),
        ({"trusted_proxies": "10.0.0.0/8, ::/0"}, "TRUSTED_PROXIES.* wider"),
        ({"outgoing_networks": "128.0.0.0/1"}, "OUTGOING_NETWORKS.* wider"),
        ({"smtp_url": "http://x"}, "SMTP_URL.*smtp://"),
        ({"smtp_url": "smtp://"}, "SMTP_URL"),
        ({"smtp_url": "smtp://mail.example:mail"}, "SMTP_URL"),
        ({"privacy_mail": "nomail"}, "PRIVACY_MAIL"),
        ({"mail_sender": "termin@"}, "MAIL_SENDER"),
    ],
)
def test_what_is_unsafe_in_production_is_refused_by_name(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(StartRefused, match=named):
        refuse_settings(production(**changed))


async def test_a_key_file_in_production_needs_an_explicit_yes(database_url: str, tmp_path: Path) -> None:
    settings = production(data_dir=tmp_path, database_url=database_url, allow_file_keys=False)

    with pytest.raises(KeysUnusable):
        async with running(settings):
            pass


async def test_a_demos_database_does_not_start_in_production(
    service: Service, database_url: str, tmp_path: Path
) -> None:
    await service.sign_in_link("clinic-a")

    with pytest.raises(StartRefused, match="one-click"):
        async with running(production(data_dir=tmp_path, database_url=database_url)):
            pass


async def test_production_has_no_one_click_sign_in_and_no_outbox(database_url: str, tmp_path: Path) -> None:
    async with running(production(data_dir=tmp_path, database_url=database_url)) as service:
        for path in ("/console/sign-in/anything", "/dev/outbox", "/docs", "/openapi.json", "/redoc"):
            assert (await service.http.get(path)).status_code == 404

        headers = (await service.http.get("/livez")).headers
        assert headers["strict-transport-security"].startswith("max-age=")


async def test_a_dead_worker_makes_the_service_unready(service: Service) -> None:
    idle = JobQueue(service.services.database, await redis_pool(""), handlers={})

    failing = await failing_parts(replace(service.services, queue=idle))
    await idle.close()

    assert failing == ["worker"]


async def test_keys_that_do_not_work_make_the_service_unready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise KeysUnusable

    monkeypatch.setattr(service.services.vault.provider, "unwrap", broken)

    assert "keys" in await failing_parts(service.services)


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["audit", "list", "--help"]])
def test_the_command_line_explains_itself(arguments: list[str]) -> None:
    found = _telemed(*arguments)

    assert found.returncode == 0
    assert "Usage" in found.stdout


def test_a_refused_start_is_one_line(tmp_path: Path) -> None:
    refused = _telemed("serve", TELEMED_ENVIRONMENT="production", TELEMED_DATA_DIR=str(tmp_path))

    assert refused.returncode == 1
    assert "TELEMED_ALLOW_FILE_KEYS" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (["serve"], {"TELEMED_ENVIRONMENT": "prod"}, "TELEMED_ENVIRONMENT: Input should be 'demo' or 'production'."),
        (["migrate"], {"TELEMED_BODY_LIMIT": "much"}, "TELEMED_BODY_LIMIT: "),
        (["demo"], {"DEMO_PATIENTS": "few"}, "DEMO_PATIENTS: "),
        (["migrate"], {"TELEMED_ALOW_FILE_KEYS": "1"}, "TELEMED_ALOW_FILE_KEYS is no setting"),
        (["migrate"], {"TELEMED_ALLOW_FILE_KEYS": "ja"}, "TELEMED_ALLOW_FILE_KEYS: Must be 1 for yes or 0 for no."),
        (["migrate"], {"TELEMED_DATABASE_URL": "mysql://x"}, "TELEMED_DATABASE_URL must start with"),
        (["audit", "list"], {}, "There is no database at "),
        (["reindex"], {}, "There is no database at "),
        (["serve"], {"TELEMED_DEMO_NOW": "tomorrow"}, "TELEMED_DEMO_NOW: Must be a date and time like 2026-11-23T09"),
        (["demo"], {"TELEMED_DEMO_NOW": "2026-13-01T09:00"}, "TELEMED_DEMO_NOW: Must be a date and time like "),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], changed: dict[str, str], said: str
) -> None:
    settings = {"TELEMED_ENVIRONMENT": "demo", "TELEMED_DATA_DIR": str(tmp_path), "DEMO_DIR": str(tmp_path)}

    refused = _telemed(*arguments, **(settings | changed))

    assert refused.returncode == 1
    assert said in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "telemed.sqlite3").exists()


def test_a_queue_that_does_not_answer_is_named(tmp_path: Path) -> None:
    settings = {"TELEMED_ENVIRONMENT": "demo", "TELEMED_DATA_DIR": str(tmp_path)}
    _telemed("migrate", **settings)

    refused = _telemed("worker", TELEMED_REDIS_URL="redis://127.0.0.1:1/0", **settings)

    assert refused.returncode == 1
    assert "TELEMED_REDIS_URL" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", ["serve", "portal"])
def test_a_port_that_is_taken_is_named(tmp_path: Path, command: str) -> None:
    settings = {"TELEMED_ENVIRONMENT": "demo", "TELEMED_DATA_DIR": str(tmp_path)}
    _telemed("migrate", **settings)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = _telemed(command, "--port", str(port), **settings)

    assert refused.returncode == 1
    assert f"127.0.0.1:{port} is in use" in refused.stderr


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TABLE other (id TEXT)", "has no tables yet. Run `telemed migrate`"),
        ("CREATE TABLE alembic_version AS SELECT '0000' AS version_num", "tables are of another version. Run `telemed"),
    ],
)
async def test_a_database_without_tables_is_told_from_one_of_another_version(
    tmp_path: Path, statement: str, said: str
) -> None:
    settings = Settings(environment="demo", data_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / "telemed.sqlite3")) as made:
        made.execute(statement)
        made.commit()

    with pytest.raises(StartRefused, match=said):
        async with with_tables(settings):
            pass


def test_migrating_makes_the_tables_and_the_log_of_accesses_is_empty(tmp_path: Path) -> None:
    settings = {"TELEMED_ENVIRONMENT": "demo", "TELEMED_DATA_DIR": str(tmp_path)}

    migrated, listed = _telemed("migrate", **settings), _telemed("audit", "list", **settings)

    assert "revision" in migrated.stdout
    assert listed.returncode == 0
    assert listed.stdout.startswith("when (UTC)") and len(listed.stdout.splitlines()) == 1


def test_the_doctor_names_what_is_wrong_and_then_what_is_good(tmp_path: Path) -> None:
    settings = {"TELEMED_ENVIRONMENT": "demo", "TELEMED_DATA_DIR": str(tmp_path)}

    before = _telemed("doctor", **settings)
    _telemed("migrate", **settings)
    after = _telemed("doctor", **settings)

    assert before.returncode == 1
    assert "telemed migrate" in before.stdout
    assert "good   database" in after.stdout


def test_the_doctor_looks_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"

    found = _telemed("doctor", TELEMED_DATA_DIR=str(folder))

    assert found.returncode == 1
    assert not folder.exists()
    assert "wrong  database  There is no database at " in found.stdout
    assert "another version" not in found.stdout
    assert "look   texts  Patients would read placeholders." in found.stdout
    assert "look   second place  Nothing outside the database knows the log of accesses" in found.stdout


def test_the_portals_process_loads_nothing_that_knows_the_record() -> None:
    code = (
        "import sys, telemed.__main__, anonymise.portal.app; print('sqlalchemy' in sys.modules, 'fhir' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], env=scrubbed(), capture_output=True, text=True, check=True)

    assert found.stdout.split() == ["False", "False"]


def test_a_turn_server_and_each_participant_share_a_secret_that_the_participant_never_sees() -> None:
    settings = production(ice_servers="stun:a.example, turn:b.example", ice_secret="shared")
    refuse_settings(settings)

    stun, first = ice_from(settings.ice_addresses, settings.ice_secret).for_browser()
    again = ice_from(settings.ice_addresses, settings.ice_secret).for_browser()[1]

    assert stun == {"urls": ["stun:a.example"]}
    assert first["username"] != again["username"]
    assert turn_credentials("shared", str(first["username"]))[1] == first["credential"]
    assert "shared" not in f"{first} {settings!r}"


@pytest.mark.parametrize("level", ["warning", "WARNING"])
def test_a_log_level_is_known_in_any_case(level: str) -> None:
    assert Settings(log_level=level).log_level is LogLevel.WARNING


def test_an_unknown_log_level_is_refused_in_one_line_that_names_the_known() -> None:
    refused = _telemed("doctor", TELEMED_LOG_LEVEL="loud")

    assert refused.returncode == 1
    assert refused.stderr.startswith("TELEMED_LOG_LEVEL: ") and "'WARNING'" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_help_lists_what_the_service_does_and_nothing_of_the_shell() -> None:
    shown = _telemed("--help")

    assert "--install-completion" not in shown.stdout and "serve" in shown.stdout


# Half a second of a start each, for uses that are seldom or late.
LATE = (
    "alembic",
    "aiortc",
    "av",
    "fpdf",
    "icalendar",
    "aiosmtplib",
    "holidays",
    "polars",
    "rdflib",
    "fhir.resources",
    "hvac",
    "webauthn",
    "requests",
)


# What prepares a demo beside `serve` answers nobody.
@pytest.mark.parametrize(("module", "late"), [("telemed.app", LATE), ("telemed.demo.prepare", (*LATE, "fastapi"))])
def test_a_start_leaves_for_later_what_is_used_seldom_or_late(module: str, late: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*(name for name in {late} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], env=scrubbed(), capture_output=True, text=True, check=True)

    assert found.stdout.split() == []


def test_what_was_left_for_later_is_there_once_the_service_has_warmed_up() -> None:
    code = f"import sys; from telemed.warming import warm; warm(); print(*(n for n in {LATE[1:5]} if n in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], env=scrubbed(), capture_output=True, text=True, check=True)

    assert tuple(found.stdout.split()) == LATE[1:5]


def _telemed(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "telemed", *arguments]
    return subprocess.run(command, env=scrubbed(**environment), capture_output=True, text=True, check=False, timeout=60)
