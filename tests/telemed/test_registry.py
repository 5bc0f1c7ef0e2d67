"""Registering clinics, clinicians and systems by command, as an operator of a production service does."""

import asyncio
import json
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from tests.docs.manuals import manual, python_block, shell_lines
from tests.telemed.commanding import Run
from tests.telemed.identity.signing import Client, ec_key
from tests.telemed.service import FHIR, running

BASE = "http://localhost:8000"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Client, Path]:
    """A system with a key of its own, and the file with its public half."""
    client, file = Client("kai-system", ec_key()), tmp_path / "jwks.json"
    file.write_text(json.dumps(client.jwks))
    return client, file


def test_the_manuals_key_pair_is_taken_for_a_system(run: Run, tmp_path: Path) -> None:
    program = python_block(manual("telemed"), "A first start without the demo")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    system = ("--tenant", "praxis-kai", "--keys", str(tmp_path / "jwks.json"), "--scope", "system/*.cruds")
    added = run("client", "add", "kai-system", *system)

    assert (added.status, added.err) == (0, "")
    assert (tmp_path / "private.pem").stat().st_mode & 0o077 == 0
    assert "PRIVATE KEY" in (tmp_path / "private.pem").read_text()
    assert '"d"' not in (tmp_path / "jwks.json").read_text()


async def test_a_registered_clinics_system_gets_a_token_and_works_until_it_is_off(
    run: Run, keys: tuple[Client, Path], tmp_path: Path
) -> None:
    client, file = keys
    tell = partial(asyncio.to_thread, run)
    new = ("client", "add", "kai-system", "--tenant", "praxis-kai", "--keys", str(file), "--scope", "system/*.cruds")
    added = [await tell("organization", "add", "praxis-kai", "--name", "Praxis am Kai"), await tell(*new)]
    assert [(each.status, each.err) for each in added] == [(0, ""), (0, "")]

    settings = Settings(data_dir=tmp_path, allow_file_keys=True)
    async with running(settings) as service:
        form = {"scope": "system/*.cruds"}
        first = await service.http.post(
            "/oauth/token", data=client.form(**form, assertion=client.assertion(aud=f"{BASE}/oauth/token"))
        )
        headers = {"Authorization": f"Bearer {first.json()['access_token']}", "Content-Type": FHIR}
        found = await service.http.get("/fhir/Organization/praxis-kai", headers=headers)
        made = await service.http.post("/fhir/Patient", json={"resourceType": "Patient"}, headers=headers)
        off = await tell("client", "off", "kai-system")
        after = await service.http.post(
            "/oauth/token", data=client.form(**form, assertion=client.assertion(aud=f"{BASE}/oauth/token"))
        )

    assert found.json()["name"] == "Praxis am Kai" and made.status_code == 201
    assert (off.status, after.status_code) == (0, 401)
    assert (await tell("client", "list")).out.split() == ["kai-system", "praxis-kai", "system/*.cruds", "off"]
    assert (await tell("organization", "list")).out == "praxis-kai  Praxis am Kai\n"


def test_a_clinician_is_known_to_the_record_and_to_the_console(run: Run) -> None:
    person = ("--family", "Muster", "--given", "Anke", "--role", "nurse")
    early = run("clinician", "add", "anke-muster", "--tenant", "praxis-kai", *person)
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    added = run("clinician", "add", "anke-muster", "--tenant", "praxis-kai", *person)
    again = run("clinician", "add", "anke-muster", "--tenant", "praxis-kai", *person)

    shown = run("clinician", "list").out
    run("clinician", "off", "anke-muster")

    assert early.status == 1 and "organization add" in early.err
    assert (added.status, again.status) == (0, 1)
    assert shown.split() == ["anke-muster", "praxis-kai", "nurse", "on"] and "Muster" not in shown
    assert run("clinician", "list").out.split()[-1] == "off"


APP = ("client", "add", "app", "--tenant", "praxis-kai", "--scope", "user/*.rs", "--name", "Kurvenblatt")


def test_an_app_is_registered_with_its_addresses_and_a_look_alike_is_not(run: Run) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    where = ("--redirect", "https://app.example/cb", "--launch-url", "https://app.example/launch")

    added, again = run(*APP, *where), run(*APP, *where)
    alike = run("client", "add", "other", *APP[3:-1], "Kurvenbl\u0430tt", *where)
    twin = run("client", "add", "other", *APP[3:-1], "KURVENB1ATT", *where)

    assert [(each.status, each.err) for each in (added, again)] == [(0, "")] * 2
    assert (alike.status, twin.status) == (1, 1)
    assert "Latin letters" in alike.err and "looks like" in twin.err


def test_a_clinician_is_invited_by_an_address_whose_secret_no_server_sees(run: Run) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    person = ("--family", "Schutz", "--given", "Pia", "--role", "privacy-officer", "--mail", "pia@example.org")
    run("clinician", "add", "pia-schutz", "--tenant", "praxis-kai", *person)

    first, second = run("clinician", "invite", "pia-schutz"), run("clinician", "invite", "pia-schutz")
    run("clinician", "off", "pia-schutz")

    path, _, token = first.out.strip().partition("#")
    assert path == "http://localhost:8000/console/enrol" and len(token) >= 43
    assert second.out != first.out
    assert run("clinician", "invite", "pia-schutz").status == 1
    assert run("clinician", "invite", "nobody").status == 1


def test_an_account_of_the_house_is_one_persons(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    person = ("--tenant", "praxis-kai", "--family", "Muster", "--given", "Anke", "--role", "nurse")
    early = run("clinician", "add", "anke-muster", *person, "--subject", "anke@praxis.example")
    monkeypatch.setenv("TELEMED_OIDC_ISSUER", "https://login.example")
    monkeypatch.setenv("TELEMED_OIDC_CLIENT_ID", "telemed")

    added = run("clinician", "add", "anke-muster", *person, "--subject", "anke@praxis.example")
    run("clinician", "add", "bert-muster", *person)
    taken = run("clinician", "link", "bert-muster", "--subject", "anke@praxis.example")
    linked = run("clinician", "link", "bert-muster", "--subject", "bert@praxis.example")
    invited = run("clinician", "invite", "anke-muster")

    assert early.status == 1 and "TELEMED_OIDC_ISSUER" in early.err
    assert (added.status, taken.status, linked.status, invited.status) == (0, 1, 0, 1)
    assert "somebody else's" in taken.err and "clinician link" in invited.err


OFFICER = ("clinician", "add", "ole", "--tenant", "praxis-kai", "--family", "Muster", "--given", "Ole")


def test_the_doctor_names_clinics_whose_privacy_officer_nobody_reaches(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    before = run("doctor").out
    added = run(*OFFICER, "--role", "privacy-officer", "--mail", "ole@praxis.example")
    after = run("doctor").out
    run("clinician", "off", "ole")
    off = run("doctor").out
    monkeypatch.setenv("TELEMED_PRIVACY_MAIL", "datenschutz@region.example")

    assert added.status == 0
    assert "look   privacy officers  Nobody is told by mail of emergency accesses at praxis-kai." in before
    assert "privacy officers" in off and "privacy officers" not in after + run("doctor").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("organization", "add", "not an id", "--name", "x"), "An id has 1 to 64"),
        (("organization", "add", "praxis-kai", "--name", "x"), "taken"),
        (("client", "off", "nobody"), "Nothing is registered"),
        (("clinician", "off", "nobody"), "Nothing is registered"),
        (("client", "add", "c", "--tenant", "praxis-kai", "--keys", "/none", "--scope", "system/*.r"), "no file"),
        (("client", "add", "c", "--tenant", "praxis-kai", "--keys", "{keys}", "--scope", "user/*.r"), "system/Type"),
        (
            ("client", "add", "c", "--tenant", "praxis-kai", "--keys", "{keys}", "--scope", "system/Foo.rs"),
            "not served",
        ),
        (("client", "add", "c", "--tenant", "praxis-kai", "--scope", "system/*.r"), "public app"),
        (("client", "add", "c", "--tenant", "praxis-kai", "--scope", "user/*.r", "--name", "Nur Name"), "redirect"),
        ((*APP, "--redirect", "http://app.example/cb"), "https://"),
        ((*APP, "--redirect", "https://app.example/cb", "--scope", "system/*.r"), "user/Type"),
        (
            ("client", "add", "c", "--tenant", "praxis-kai", "--keys-url", "http://a/k", "--scope", "system/*.r"),
            "https://",
        ),
        *(
            (("client", "add", "c", "--tenant", "praxis-kai", "--keys-url", url, "--scope", "system/*.r"), "public")
            for url in ("http://127.0.0.1/k", "https://127.0.0.1/k", "https://localhost:8443/k", "https://10.1.2.3/k")
        ),
        ((*OFFICER, "--role", "privacy-officer"), "Add --mail"),
        ((*OFFICER, "--role", "privacy-officer", "--mail", "notamail"), "no mail address"),
        ((*OFFICER, "--role", "nurse", "--mail", "@praxis.example"), "no mail address"),
        (("client", "add", "c", "--tenant", "other", "--keys", "{keys}", "--scope", "system/*.r"), "no such clinic"),
    ],
)
def test_what_cannot_be_registered_is_told_in_one_line(
    run: Run, keys: tuple[Client, Path], arguments: tuple[str, ...], said: str
) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")

    refused = run(*(part.format(keys=keys[1]) for part in arguments))

    assert refused.status == 1
    assert said in refused.err and len(refused.err.splitlines()) == 1


def test_the_manuals_first_clinic_is_registered_as_it_says(
    run: Run, keys: tuple[Client, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(keys[1].parent)
    lines = [shlex.split(line)[1:] for line in shell_lines(manual("telemed"))]
    adding = [line for line in lines if "add" in line]

    said = [run(*line) for line in adding]

    assert [line[0] for line in adding] == ["organization", "client", "clinician"]
    assert [each.status for each in said] == [0, 0, 0], said


PRIVATE = ec_key().as_dict(private=True)
PUBLIC = ec_key().as_dict(private=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param({"keys": [PRIVATE]}, "holds a private key", id="private"),
        pytest.param(PRIVATE, "holds a private key", id="bare and private"),
        pytest.param({"keys": [ec_key(curve="P-256").as_dict(private=False)]}, "another curve than P-384", id="curve"),
        pytest.param({"keys": [{name: PUBLIC[name] for name in PUBLIC if name != "kid"}]}, "has no kid", id="nameless"),
        pytest.param(PUBLIC, "one key, not a set", id="bare"),
        pytest.param({"keys": [PUBLIC, PUBLIC]}, "the same kid", id="twice"),
        pytest.param([PUBLIC], "JSON Web Key Set", id="list"),
    ],
)
def test_each_fault_of_a_key_file_has_its_own_sentence(run: Run, tmp_path: Path, content: Any, said: str) -> None:
    run("organization", "add", "praxis-kai", "--name", "Praxis am Kai")
    file = tmp_path / "public.json"
    file.write_text(json.dumps(content))

    refused = run("client", "add", "c", "--tenant", "praxis-kai", "--keys", str(file), "--scope", "system/*.r")

    assert refused.status == 1
    assert said in refused.err and len(refused.err.splitlines()) == 1
