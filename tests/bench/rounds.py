"""Rounds of load: all sides in turn, again and again, so that a busy moment hits them alike; the median counts."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import msgspec

from tests.bench import cpu
from tests.bench.cpu import Cpu
from tests.bench.sides import ROOT, STATUS, Scenario, Side
from tests.bench.wire import GO, READY, Answers, Call, Load

WARM_UP = 0.2  # of a round, before the first one


@dataclass(frozen=True)
class Round:
    """What one load cost, in microseconds of processor time a request, and what came back."""

    server: float
    database: float
    answers: Answers


@dataclass(frozen=True)
class Summary:
    """The medians over all rounds of one side."""

    server: float
    database: float
    rate: float
    middle: float  # milliseconds that half of the requests took at most
    slow: float  # and 99 in 100
    sample: str


class LoadClient:
    """The load client's process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def prepare(self, load: Load) -> None:
        """Nothing; the client is connected and waits."""
        self._say(msgspec.json.encode(load) + b"\n")
        said = self._hear()
        assert said == READY, said

    def go(self) -> Answers:
        """What came back."""
        self._say(GO)
        return msgspec.json.decode(self._hear(), type=Answers)

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _hear(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError("the load client has ended; its message stands above")
        return line


@contextmanager
def load_client() -> Iterator[LoadClient]:
    """A load client for the length of the block."""
    command = [sys.executable, "-m", "tests.bench.client"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield LoadClient(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def one_round(client: LoadClient, side: Side, calls: list[Call], *, clients: int, database: Cpu) -> Round:
    """One load on one side."""
    client.prepare(Load(side.port, calls, clients))
    before = cpu.seconds(side.pid), database()
    answers = client.go()
    after = cpu.seconds(side.pid), database()
    server, beside = ((now - then) / len(calls) * 1e6 for then, now in zip(before, after, strict=True))
    return Round(server, beside, answers)


def measured(
    client: LoadClient,
    sides: Sequence[Side],
    scenario: Scenario,
    *,
    requests: int,
    rounds: int,
    clients: int,
    database: Cpu = lambda: 0.0,
) -> dict[str, Summary]:
    """The medians of each side that can do it, by name; raises `WrongAnswerError` if any answer was not the right one."""
    sides = [side for side in sides if scenario in side.calls]
    found: dict[str, list[Round]] = {side.name: [] for side in sides}
    for number in range(rounds + 1):
        wanted = requests if number else max(clients, round(requests * WARM_UP))
        turn = number % len(sides)  # nobody is always the first
        for side in (*sides[turn:], *sides[:turn]):
            calls = side.calls[scenario](wanted)
            made = one_round(client, side, calls, clients=clients, database=database)
            _require_right(side, scenario, made.answers, wanted=wanted)
            if number:
                found[side.name].append(made)
    return {name: _summary(made) for name, made in found.items()}


class WrongAnswerError(AssertionError):
    """A side did not do what is measured."""


def _require_right(side: Side, scenario: Scenario, answers: Answers, *, wanted: int) -> None:
    if answers.statuses != {STATUS[scenario]: wanted}:
        raise WrongAnswerError(f"{side.name}, {scenario}: {answers.statuses} {answers.sample[:500]}")


def _summary(made: list[Round]) -> Summary:
    latencies = sorted(second * 1000 for each in made for second in each.answers.latencies)
    return Summary(
        server=median(each.server for each in made),
        database=median(each.database for each in made),
        rate=median(len(each.answers.latencies) / each.answers.seconds for each in made),
        middle=median(latencies),
        slow=quantiles(latencies, n=100)[98],
        sample=made[-1].answers.sample,
    )
