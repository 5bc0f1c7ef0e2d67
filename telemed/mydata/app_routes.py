"""`/my/apps`: the apps that the patient has allowed something, and a button that ends it."""

from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from telemed.mydata.apps import NotAllowedAnyMore, allowed_apps, withdraw_app
from telemed.mydata.entrance import HOME, form_of
from telemed.mydata.mine import Mine
from telemed.mydata.sessions import MyPatient
from telemed.mydata.texts import DONE, PROBLEMS, UNREVIEWED, in_words
from telemed.pages.languages import translate
from telemed.pages.permissions import permissions
from telemed.pages.rendering import page, reading_of
from telemed.pages.texts import Told
from telemed.services import services_of

router = APIRouter(prefix=f"{HOME}/apps", include_in_schema=False)


@router.get("")
async def show_apps(request: Request, patient: Mine) -> Response:
    """The apps that may act for the patient now."""
    return await _apps(request, patient)


@router.post("")
async def change_apps(request: Request, patient: Mine) -> Response:
    """The same page without the app that may do nothing any more, from its next request on."""
    services, id = services_of(request), (await form_of(request)).get("app", "")
    now = services.system_clock.now()
    try:
        await services.database.write(partial(withdraw_app, patient=patient, id=id, now=now))
    except NotAllowedAnyMore as refused:
        told = in_words(PROBLEMS[NotAllowedAnyMore], reading_of(request).language)
        return await _apps(request, patient, error=told, status=refused.status)
    return RedirectResponse(f"{HOME}/apps?done=app_withdrawn", 303, headers={"Cache-Control": "no-store"})


async def _apps(request: Request, patient: MyPatient, *, error: Told | None = None, status: int = 200) -> Response:
    services, language = services_of(request), reading_of(request).language
    now = services.system_clock.now()
    found = await services.database.read(partial(allowed_apps, patient=patient, now=now))
    done = DONE["app_withdrawn"] if request.query_params.get("done") == "app_withdrawn" else ""
    return page(
        request,
        "my_apps.html",
        status=status,
        error=error,
        done=translate(language, done) if done else "",
        apps=[(app, permissions(app.scopes, language)) for app in found],
        UNREVIEWED=UNREVIEWED,
    )
