"""Every measurement runs and gives figures, and both sides do what is measured; how fast is not asked here."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.database import open_database
from infra.vault import Vault, sealing
from tests.bench import (
    audit,
    calls,
    contents,
    counting,
    figures,
    flow,
    growth,
    keys,
    ledger,
    pages,
    parts,
    peer,
    policy,
    profiling,
    requests,
    starts,
    tokens,
    unit_steps,
)
from tests.bench.bars import FHIRSTARTER
from tests.bench.cpu import of_postgres, seconds
from tests.bench.figures import Figure
from tests.bench.furnish import Size
from tests.bench.requests import Arena, figures_of, postgres_arena, sqlite_arena
from tests.bench.rounds import WrongAnswerError, load_client, measured, one_round
from tests.bench.sides import EACH, GROUPED, NAIVE, OURS, POSTGRES, Scenario
from tests.bench.wire import Call
from tests.fhir import record
from tests.fixtures.participants import Participants
from tests.fixtures.postgres import PostgresServer

OFFLINE = "tests reach no package index"
TINY = Size(patients=4, hits=20, others=2, practitioners=1, requests=8, bookings=4, rounds=1, clients=2)


def require_answers(arena: Arena) -> None:
    """Each side answers each scenario, and ours with what was asked for."""
    with load_client() as client:
        for scenario in Scenario:
            found = measured(client, arena.sides, scenario, requests=4, rounds=1, clients=2, database=arena.beside)
            sample = json.loads(found[OURS].sample)
            assert all(each.server > 0 for each in found.values())
            assert {found[name].sample for name in found if name != OURS} != {""}
            if scenario is Scenario.SEARCH:
                assert len(sample["entry"]) == sample["total"] == TINY.hits
            else:
                assert sample["resourceType"] == ("Appointment" if scenario is Scenario.BOOK else "Observation")


async def test_requests_are_measured_and_rightly_answered_on_sqlite(tmp_path: Path) -> None:
    async with sqlite_arena(tmp_path, TINY, redis_url="", absent=OFFLINE) as arena:
        require_answers(arena)
        found = figures_of(arena, TINY)

    measured_ones = [figure for figure in found if figure.against != FHIRSTARTER]
    assert len(measured_ones) == 3 * len(Scenario) + 1
    others = {figure.against.removesuffix(", one read") for figure in measured_ones}
    assert others == {NAIVE, EACH, GROUPED, "a single create"}
    assert all(figure.ours > 0 and figure.ratio for figure in measured_ones)
    assert [figure.note for figure in found if figure.against == FHIRSTARTER] == [f"NOT MEASURED: {OFFLINE}"] * 3


async def test_the_peer_answers_what_it_is_asked(tmp_path: Path, participants: Participants) -> None:
    if not peer.is_installed():
        participants.excuse("fhirstarter", "`make bench` installs it; tests reach no package index")
    async with sqlite_arena(tmp_path, TINY, redis_url="", absent="") as arena:
        side = next(side for side in arena.sides if side.name == FHIRSTARTER)
        with load_client() as client:
            for scenario in peer.WHAT:
                found = measured(client, [side], scenario, requests=4, rounds=1, clients=2)[FHIRSTARTER]
                if scenario is Scenario.SEARCH:
                    assert len(json.loads(found.sample)["entry"]) == TINY.hits


async def test_requests_are_measured_and_rightly_answered_on_postgresql(tmp_path: Path) -> None:
    async with postgres_arena(tmp_path, TINY, redis_url="") as arena:
        require_answers(arena)
        found = figures_of(arena, TINY)

    assert {figure.against.removesuffix(", one read") for figure in found} == {NAIVE, POSTGRES, "a single create"}
    assert all(figure.ours > 0 for figure in found)
    assert all("backend" in figure.note for figure in found if figure.against.startswith(POSTGRES))


async def test_a_wrong_answer_stops_the_measurement(tmp_path: Path) -> None:
    async with sqlite_arena(tmp_path, TINY, redis_url="", absent=OFFLINE) as arena:
        side = next(side for side in arena.sides if side.name == OURS)
        unsigned = [Call("GET", "/fhir/Observation/absent")]
        wrong = replace(side, calls={Scenario.READ: lambda wanted: unsigned * wanted})

        with load_client() as client:
            refused = one_round(client, side, unsigned, clients=1, database=lambda: 0.0)

            assert refused.answers.statuses == {401: 1}
            with pytest.raises(WrongAnswerError):
                measured(client, [wrong], Scenario.READ, requests=1, rounds=1, clients=1)


def test_an_observation_has_the_size_that_is_talked_about() -> None:
    sizes = {len(contents.observation(f"bench-patient-{number}", number=number)) for number in range(100)}

    assert sizes == {contents.OBSERVATION_BYTES}


def test_a_profile_names_functions_of_both_threads() -> None:
    lines = profiling.profile(Scenario.CREATE, TINY)

    names = " ".join(line.function for line in lines)
    assert len(lines) == profiling.TOP and "sqlite3." in names


async def test_the_flow_is_counted_in_bytes(tmp_path: Path) -> None:
    (figure,) = await flow.run(tmp_path)

    assert figure.unit == "B" and figure.ours > 1000


async def test_the_demo_is_seeded_and_timed(tmp_path: Path) -> None:
    settings = requests.settings_for(tmp_path / "seeding")

    written, wall, cpu = await starts.seeding(settings, 200)

    assert written > 800 and wall > 0 and cpu > 0


def test_the_processor_time_of_another_process_grows(postgres: PostgresServer) -> None:
    beside = of_postgres(postgres)
    before = beside()

    assert before > 0 and seconds(1) >= 0


def test_the_report_is_a_table_and_a_file(tmp_path: Path) -> None:
    made = figures.report([figures.compared("create", ours=2.0, against="raw", other=1.0, unit="us")], (2.0, 1.0, 0.5))
    console = Console(record=True, width=200)

    figures.warn_if_busy(console, made.load_at_start)
    figures.show(console, made)
    figures.write(made, tmp_path / "bench.json")

    text = console.export_text()
    assert "Warning" in text and "0.5" in text
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["figures"][0]["ratio"] == 0.5 and kept["load_at_start"] == [2.0, 1.0, 0.5]


def test_a_figure_without_another_side_has_no_ratio() -> None:
    assert Figure("seeding", 1.0, "resources/s").ratio is None


async def test_growth_is_measured(tmp_path: Path) -> None:
    found = await growth.on_sqlite(tmp_path, (100, 200), growth.Load(rounds=1, requests=8, clients=2))

    assert [figure.what.split()[-1].strip(",") for figure in found] == ["p50", "p99"]
    assert all(figure.ours > 0 and figure.met is not None for figure in found)


async def test_the_log_of_accesses_is_measured(tmp_path: Path) -> None:
    found = await ledger.run(tmp_path, events=300)

    assert [figure.what.split()[0] for figure in found] == ["signing", "verify", "proof"]
    assert all(figure.ours > 0 for figure in found)


async def test_single_steps_are_measured_and_shown_as_part_of_a_request(tmp_path: Path) -> None:
    whole = Figure("create Observation, SQLite", 1000.0, "us CPU")

    found = await parts.run(tmp_path, [whole], most=5)

    assert found[0].what == "seal and open, of a create" and 0 < found[0].ours < 100
    assert [figure.met is None for figure in found].count(True) in (0, 1), "only absent examples have no bar"


async def test_a_create_seals_once_and_a_read_opens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()
    noted(monkeypatch, Vault, "_sealed", done)
    noted(monkeypatch, sealing, "_opened", done)
    store, database = record.store(tmp_path), open_database(f"sqlite:///{tmp_path / 'record.sqlite3'}")
    await database.create_all()
    who, sent = record.caller(), record.parsed(record.observation("1"))

    made = await database.short(lambda session: store.create(session, who, sent))
    created = done["_sealed"], done["_opened"]
    done.clear()
    await database.short(lambda session: store.read(session, who, "Observation", made.id))
    await database.close()

    assert parts.SEALED["create Observation"][0] == created
    assert parts.SEALED["read Observation"][0] == (done["_sealed"], done["_opened"])


async def test_the_pages_of_a_create_are_counted_by_table(tmp_path: Path) -> None:
    (figure,) = await pages.run(tmp_path, TINY, groups=2)

    assert figure.ours > 1 and "token" in figure.note and "others" not in figure.note


def noted(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: Counter[str]) -> None:
    real = getattr(owner, name)

    def counting(*given: Any, **named: Any) -> Any:
        calls[name] += 1
        return real(*given, **named)

    monkeypatch.setattr(owner, name, staticmethod(counting) if isinstance(owner, type) else counting)


async def test_a_decision_its_part_of_a_search_and_row_security_are_measured(tmp_path: Path) -> None:
    found = await policy.run(tmp_path, [Figure(policy.SEARCH, 1000.0, "us CPU")], searches=2)

    assert [figure.what.split(",")[0] for figure in found] == ["policy", "policy", "row security"]
    assert found[0].ours > 0


async def test_the_line_of_a_read_is_measured_on_both_databases(tmp_path: Path) -> None:
    found = await audit.run(tmp_path, [], reads=3)

    assert [figure.what.rpartition(", ")[2].split()[0] for figure in found] == ["SQLite", "PostgreSQL"]


async def test_the_check_of_a_token_is_measured(tmp_path: Path) -> None:
    (figure,) = await tokens.run(tmp_path, checks=10)

    assert figure.ours > 0 and figure.note.startswith("looked up anew")


async def test_all_data_keys_are_wrapped_anew_and_timed(tmp_path: Path) -> None:
    found = await keys.run(tmp_path, patients=40)

    assert [figure.what.rpartition(", ")[2] for figure in found] == ["SQLite", "PostgreSQL"]
    assert all(figure.ours > 0 and figure.note.startswith("40 keys;") for figure in found)


def test_a_bar_is_met_or_not() -> None:
    good = figures.compared("create", ours=1.0, against="raw", other=2.0, unit="us", bar=2.0)
    slow = figures.compared("create", ours=1.0, against="raw", other=1.9, unit="us", bar=2.0)
    console = Console(record=True, width=200)

    figures.show(console, figures.report([good, slow, figures.limited("rules", 5.0, "us", most=5.0)], (0, 0, 0)))

    assert (good.met, slow.met) == (True, False)
    text = console.export_text()
    assert "NOT MET: ratio 2 or more" in text and "met: 5 us or less" in text and "2 of 3 met" in text


async def test_the_cost_of_limits_is_a_line_for_each_place_they_are_counted_in(tmp_path: Path) -> None:
    found = await counting.run(tmp_path)

    assert found[0].what == "counting a request, in memory"
    assert all(figure.bar == "10 us or less" and figure.ours > 0 for figure in found)


def test_calls_are_measured_beside_their_floors_and_the_relay() -> None:
    found = calls.run(calls=1, many=2, seconds=1.0, people=20, rounds=1, times=1, kills=0)

    against = [figure.against for figure in found[:4]]
    assert len(set(against)) == 4 and all(figure.ours > 0 and figure.other for figure in found[:3])
    assert found[3].other or found[3].note.startswith("NOT MEASURED: not installed")
    assert 0 < found[4].ours < 1000
    assert found[5].ours < 150 and found[6].what.startswith("from admit")


def test_steps_of_a_forwarded_packet_are_measured_beside_their_floor() -> None:
    found = unit_steps.measured(rounds=2)

    assert len(found) == 8 and all(cost > 0 for cost in found.values())


def test_line_of_a_forwarder_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    (line,) = calls._beside_janus(1.0, [calls._janus(1, seconds=1.0)])

    assert line.note == "NOT MEASURED: not installed (Debian: apt install janus)"
