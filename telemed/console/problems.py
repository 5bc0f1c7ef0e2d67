"""Problems of the console as a page: whoever is not signed in reads what to do, not a line of JSON."""

from fastapi import Response

from infra.problems import Problem
from infra.web import problem_response
from telemed.pages.assets import asset_url
from telemed.pages.languages import DEFAULT, LANGUAGES
from telemed.pages.rendering import HEADERS, POLICY, Reading, environment

SIGN_IN = 401


def as_page(problem: Problem, *, phone: str) -> Response:
    """A page that says to sign in; every other problem leaves as data, for the console's scripts."""
    if problem.status != SIGN_IN:
        return problem_response(problem)
    template = environment(DEFAULT).get_template("signin.html")
    html = template.render(reading=Reading(DEFAULT), languages=LANGUAGES, path="/console", phone=phone, asset=asset_url)
    headers = {**HEADERS, **problem.headers, "Content-Security-Policy": POLICY.format(socket="")}
    return Response(html, problem.status, headers=headers, media_type="text/html")
