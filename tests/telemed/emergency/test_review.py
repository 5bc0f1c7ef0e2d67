"""The review: a Task that stays open until a second person has looked, and nothing else closes it."""

import httpx
import pytest

from fhir import codec, rules
from telemed.emergency.guarding import review_kept
from telemed.emergency.models import EmergencyAccess
from telemed.emergency.service import TASK, task
from telemed.visits import resource
from tests.telemed.emergency.conftest import FAR, FORM, Far

REVIEWS = "/console/emergency/reviews"


async def opened(far: Far) -> tuple[httpx.AsyncClient, str]:
    """Who has broken the glass, and the id of the access."""
    eva = await far.clinician("eva")
    answer = await eva.post("/console/emergency", data=FORM)
    return eva, answer.headers["location"].rpartition("/")[2]


async def status_of(far: Far, id: str) -> str:
    """How the Task stands, as the clinic's own system reads it."""
    system = await far.clinic.service.system(FAR)
    answer = await system.get(f"/fhir/Task/{TASK}{id}")
    assert "Musterkai" not in answer.text and "1951" not in answer.text
    return str(answer.json()["status"])


async def test_the_task_stays_open_until_a_second_person_has_reviewed(far: Far) -> None:
    eva, id = await opened(far)
    await eva.get(f"/console/emergency/{id}")
    pia = await far.clinician("pia", role="privacy-officer")

    before, page = await status_of(far, id), (await pia.get(REVIEWS)).text
    answer = await pia.post(f"/console/emergency/{id}/review", data={"verdict": "justified"})

    assert before == "requested" and "Nothelf" in page and FORM["text"] in page and "allergy" in page
    assert "Klinik am Deich" in page, "whose reviews these are"
    assert answer.status_code == 303
    assert await status_of(far, id) == "completed"
    assert "It was right" in (await pia.get(REVIEWS)).text
    [access] = await far.rows(EmergencyAccess)
    assert (access.reviewer, access.verdict) == ("pia", "justified")


async def test_who_broke_the_glass_does_not_review_it(far: Far) -> None:
    eva, id = await opened(far)
    # The same practitioner with another account and the other role.
    again = await far_officer(far, "eva")

    by_role = await eva.post(f"/console/emergency/{id}/review", data={"verdict": "justified"})
    by_person = await again.post(f"/console/emergency/{id}/review", data={"verdict": "justified"})

    assert (by_role.status_code, by_person.status_code) == (403, 409)
    assert await status_of(far, id) == "requested"


async def far_officer(far: Far, practitioner: str) -> httpx.AsyncClient:
    """A privacy officer's account of somebody who has another one."""
    from infra.database import Session
    from telemed.identity.models import Clinician
    from telemed.identity.sessions import make_sign_in_link

    services = far.clinic.services

    def unit(session: Session) -> str:
        session.add(Clinician(id="second", tenant=FAR, practitioner_id=practitioner, role="privacy-officer"))
        return make_sign_in_link(session, services.vault, clinician_id="second")

    browser = far.clinic.service.browser()
    await browser.get(f"/console/sign-in/{await services.database.write(unit)}")
    browser.headers.update({"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"})
    return browser


async def test_a_review_counts_once_and_only_in_its_own_clinic(far: Far) -> None:
    _, id = await opened(far)
    pia = await far.clinician("pia", role="privacy-officer")
    stranger = far.clinic.service.browser()
    await stranger.get(await far.clinic.service.sign_in_link("clinic-a", role="privacy-officer", practitioner="q"))
    stranger.headers["Sec-Fetch-Site"] = "same-origin"

    path = f"/console/emergency/{id}/review"
    foreign = await stranger.post(path, data={"verdict": "justified"})
    bad = await pia.post(path, data={"verdict": "fine"})
    said = [(await pia.post(path, data={"verdict": "not-justified"})).status_code for _ in range(2)]

    assert (foreign.status_code, bad.status_code, said) == (404, 422, [303, 409])


async def test_the_task_can_not_be_closed_or_deleted_by_hand(far: Far) -> None:
    _, id = await opened(far)
    system = await far.clinic.service.system(FAR)
    made = (await system.get(f"/fhir/Task/{TASK}{id}")).json()

    changed = await system.put(f"/fhir/Task/{TASK}{id}", json=made | {"status": "completed"})
    gone = await system.delete(f"/fhir/Task/{TASK}{id}")

    assert (changed.status_code, gone.status_code) == (409, 409)
    assert await status_of(far, id) == "requested"


async def test_without_the_hook_it_could(far: Far) -> None:
    _, id = await opened(far)
    store = far.clinic.services.store
    store.hooks = tuple(each for each in store.hooks if getattr(each, "hook", None) is not review_kept)
    system = await far.clinic.service.system(FAR)
    made = (await system.get(f"/fhir/Task/{TASK}{id}")).json()

    assert (await system.put(f"/fhir/Task/{TASK}{id}", json=made | {"status": "completed"})).status_code == 200


async def test_the_officer_comes_to_the_reviews_and_reads_no_record(far: Far) -> None:
    pia = await far.clinician("pia", role="privacy-officer")

    answer = await pia.get("/console")

    assert (answer.status_code, answer.headers["location"]) == (303, REVIEWS)
    assert (await pia.get("/fhir/Patient?_summary=count")).status_code == 403
    assert (await (await far.clinician("ole")).get(REVIEWS)).status_code == 403


async def test_the_task_is_valid_fhir(far: Far) -> None:
    await opened(far)
    [access] = await far.rows(EmergencyAccess)

    rules.validate(resource.parsed(task(access)))

    assert codec.instant(access.opened) in str(task(access))


@pytest.mark.parametrize("sent", ["<b>bold</b> emergency", "quote \" and ' in it"])
async def test_the_reason_is_shown_as_text(far: Far, sent: str) -> None:
    eva = await far.clinician("eva")
    await eva.post("/console/emergency", data=FORM | {"text": sent})

    page = (await (await far.clinician("pia", role="privacy-officer")).get(REVIEWS)).text

    assert sent not in page if "<" in sent else "&#34;" in page
