"""Somebody's page is gone without a word: a flat battery, a crash. The place is kept, and nobody waits for it."""

import pytest

from tests.video.site import until
from tests.video.stage import LOCKED, UNREACHABLE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = "globalThis.Worker = class extends Worker { constructor() { super('/nowhere.js', { type: 'module' }); } };"
KEPT = "globalThis.Worker = class extends Worker { constructor(...how) { super(...how); globalThis.worker = this; } };"


async def test_who_loads_the_page_again_is_back_while_a_third_has_vanished(empty: Stage) -> None:
    call = await empty.call("doctor", "patient", "daughter")
    doctor, patient = call.pages["doctor"], call.pages["patient"]
    before = await doctor.evaluate("seen.words.digits")

    await call.pages["daughter"].context.close()
    await patient.reload()

    for page in (doctor, patient):
        await until(page, f"{LOCKED} && seen.words.participants.length === 2")
    assert await doctor.evaluate("seen.words.digits") == await patient.evaluate("seen.words.digits") != before


async def test_a_line_to_the_unit_is_no_call_where_nobody_is_at_its_other_end(empty: Stage) -> None:
    call = await empty.call("doctor", "patient", script=UNREACHABLE)
    doctor, patient = call.pages["doctor"], call.pages["patient"]

    await patient.context.close()
    await until(doctor, "call.state === 'reconnecting'")

    back = await empty.open(call.room, "patient", script=UNREACHABLE)
    for page in (doctor, back):
        await until(page, LOCKED)
    assert await doctor.evaluate("seen.words.digits") == await back.evaluate("seen.words.digits")


async def test_page_whose_encrypting_worker_does_not_run_says_so_and_sends_nothing(empty: Stage) -> None:
    doctor = await empty.enter("broken", "doctor")
    patient = await empty.enter("broken", "patient", script=BROKEN)
    daughter = await empty.enter("broken", "daughter")

    assert await until(patient, "seen.notices[0]?.key") == "old-browser"
    for page in (doctor, daughter):
        assert await until(page, "seen.notices.find((one) => one.key === 'unable')?.by") == "patient"
    await until(daughter, "look('doctor').color === 'red'")
    assert await daughter.evaluate("look('patient').color") == ""


async def test_page_whose_worker_ends_in_a_call_of_three_has_no_lock_and_is_back_once_loaded_again(
    empty: Stage,
) -> None:
    call = await empty.call("doctor", "patient", "daughter", script=KEPT)
    patient = call.pages["patient"]

    await patient.evaluate("worker.dispatchEvent(new ErrorEvent('error'))")

    await until(patient, "call.state === 'failed' && seen.lock === false && seen.words === null")
    await until(call.pages["doctor"], "seen.notices.find((one) => one.key === 'unable')?.by === 'patient'")
    await patient.reload()
    await call.all(f"{LOCKED} && seen.words.participants.length === 3")
