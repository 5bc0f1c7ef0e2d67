"""Transactions of 100 resources against single creates, on the same server in the same rounds."""

from statistics import median

from tests.bench import bars
from tests.bench.cpu import Cpu
from tests.bench.figures import Figure, compared
from tests.bench.rounds import LoadClient, WrongAnswerError, one_round
from tests.bench.sides import Scenario, Side
from tests.bench.wire import Call

RESOURCES = 100
TRANSACTIONS = 8  # in one round
SINGLES = 200
ROUNDS = 5


def line(client: LoadClient, side: Side, *, database: str, beside: Cpu, clients: int, rounds: int = ROUNDS) -> Figure:
    """What a resource of a transaction costs against one that is created alone, the database's processes counted in."""
    create = side.calls[Scenario.CREATE]
    single: list[float] = []
    together: list[float] = []
    for turn in range(rounds + 1):
        alone = _cost(client, side, create(SINGLES), status=201, clients=clients, beside=beside)
        bundles = [_transaction(create(RESOURCES)) for _ in range(TRANSACTIONS)]
        bundled = _cost(client, side, bundles, status=200, clients=clients, beside=beside)
        if turn:
            single.append(alone)
            together.append(bundled / RESOURCES)
    what = f"one of {RESOURCES} resources of a transaction, {database}"
    ours, other = median(together), median(single)
    return compared(what, ours=ours, against="a single create", other=other, unit="us CPU", bar=bars.TRANSACTION)


def _cost(client: LoadClient, side: Side, calls: list[Call], *, status: int, clients: int, beside: Cpu) -> float:
    made = one_round(client, side, calls, clients=clients, database=beside)
    if made.answers.statuses != {status: len(calls)}:
        raise WrongAnswerError(f"{made.answers.statuses} {made.answers.sample[:500]}")
    return made.server + made.database


def _transaction(creates: list[Call]) -> Call:
    entries = (f'{{"resource":{call.body},"request":{{"method":"POST","url":"Observation"}}}}' for call in creates)
    body = f'{{"resourceType":"Bundle","type":"transaction","entry":[{",".join(entries)}]}}'
    return Call("POST", "/fhir", body, creates[0].token)
