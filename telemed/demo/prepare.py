"""Bringing a demo to the point where it can be used: people, slots, today's appointments, accounts, a release."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlmodel import col, func, select

from infra.clock import clock_from
from infra.revision import newest_revision, present_revision
from infra.vault import Vault, key_provider
from telemed.demo import accounts, seed, today
from telemed.demo.describe import FreeSlot, JoinableAppointment, MyData, Offer
from telemed.demo.files import Made
from telemed.demo.free_slots import free_slots
from telemed.demo.options import Options
from telemed.demo.population import ENCOUNTERS_PER_PERSON, Population
from telemed.demo.statistics import publish_last_quarter
from telemed.mydata.letters import LetterFor, issue, my_url
from telemed.schedules.calendar import platform
from telemed.schedules.jobs import extend_all
from telemed.schedules.models import SlotTime
from telemed.services import Services
from telemed.startup import make_first_keys, make_first_list, opened
from telemed.wiring import open_services

# Among so many first persons every clinic that is at work has enough patients for a day.
VISITORS: Final = 2000
# Slots are made again when the newest is nearer than this.
SLOTS_AHEAD: Final = timedelta(days=14)
# What is offered to programs is still in the future when they come to book it.
SLOTS_FROM: Final = timedelta(hours=1)


async def prepare(options: Options, *, console: Console) -> Offer:
    """What the demo offers, once everything that it needs is in the record."""
    files = options.files
    made = files.made()
    if made is None:
        files.clear()
    settings = options.settings()
    files.releases.mkdir(parents=True, exist_ok=True)
    await _migrate(settings.database)
    await make_first_keys(settings)
    await make_first_list(settings, Vault(key_provider(settings)))
    async with open_services(settings) as services:
        if made is None:
            made = Made(options.patients, clock_from(settings).now())
            await _people(services, made, console=console)
            files.mark_seeded(made)
        # Persons are drawn one after the other, so the first ones are the same without the rest.
        population = Population.made_up(min(made.patients, VISITORS), now=made.now)
        await _slots(services, console=console)
        appointments = await today.book_today(services, population)
        my_data = await _letter(services, appointments[0])
        signed_in = await accounts.sign_ins(services, today.at_work(population))
        board = await accounts.board(services)
        officers = await accounts.officers(services)
        clients = await accounts.backend_clients(services, files)
        telling = partial(_step, console, "Publishing the last complete quarter")
        datasets = await publish_last_quarter(services, step=telling)
        slots = await _free_slots(services, clients[0].organization_id)
        base = settings.base_url
        return Offer(
            base_url=base,
            fhir_url=f"{base}/fhir",
            portal_url=settings.portal_url,
            console_url=f"{base}/console",
            database_files=tuple(f"{files.database}{suffix}" for suffix in ("", "-wal", "-shm")),
            log_files=tuple(str(files.logs / f"{name}.log") for name in ("serve", "portal")),
            releases_dir=str(files.releases),
            appointments=appointments,
            clinicians=signed_in,
            board=board,
            officers=officers,
            backend_clients=clients,
            free_slots=slots,
            datasets=datasets,
            my_data=my_data,
        )


async def _migrate(url: str) -> None:
    async with opened(url) as database:
        if await present_revision(database) != newest_revision():
            from infra import migrate  # only where there is something to migrate

            await migrate.upgrade(database)


async def _people(services: Services, made: Made, *, console: Console) -> None:
    population = Population.made_up(made.patients, now=made.now)
    await seed.seed_institutions(services, population)
    with _bar(console, f"Writing {made.patients:,} made-up people, resources") as tell:
        tell(0, made.patients * (1 + ENCOUNTERS_PER_PERSON))
        written = await seed.seed_people(services, population, progress=lambda done: tell(done, None))
        tell(written, written)


async def _slots(services: Services, *, console: Console) -> None:
    newest = await services.database.read(lambda session: session.exec(select(func.max(col(SlotTime.start)))).one())
    if newest is None or newest < services.clock.now() + SLOTS_AHEAD:
        today = services.clock.now().date()
        await services.database.write(lambda session: extend_all(session, today=today))
        with _step(console, "Making slots from the opening hours"):
            await _finish_jobs(services)


async def _free_slots(services: Services, tenant: str) -> tuple[FreeSlot, ...]:
    soon = services.clock.now() + SLOTS_FROM
    return await services.database.read(lambda session: free_slots(session, tenant, after=soon))


async def _letter(services: Services, visit: JoinableAppointment) -> MyData:
    """A new letter of this patient; like any, it goes to the outbox, and its PIN in a second one."""
    wanted = LetterFor(visit.patient_id, platform(visit.organization_id))
    issued = await services.database.write(lambda session: issue(session, services, wanted, pin_by_post=True))
    return MyData(visit.patient_id, my_url(services.settings.base_url, issued.code), str(issued.pin))


async def _finish_jobs(services: Services) -> None:
    while await services.queue.drain():
        pass


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    """A moving sign of life in a terminal, a line elsewhere."""
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        console.print(f"{text} ...")
        yield


class _bar:  # noqa: N801  # used as a function in a with statement
    """A progress bar whose target may become known later."""

    def __init__(self, console: Console, text: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(text, total=None)
        if not console.is_terminal:
            console.print(f"{text} ...")

    def __enter__(self) -> Callable[[int, int | None], None]:
        self._progress.start()
        return self._tell

    def _tell(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
