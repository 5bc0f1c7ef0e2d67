"""What is wrong with the request of an entry that can't be carried out, in a sentence that says what to do."""

from typing import Any, Final

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
WITH_RESOURCE: Final = ("POST", "PUT", "PATCH")
_FORMS: Final = "Send it as Patient, Patient/[id], Patient/[id]/_history/[version] or Patient?name=..."
# What an address holds that is offered outside Bundles alone.
_ELSEWHERE: Final = {
    "$": "Operations are not offered inside Bundles. Send them by themselves.",
    "_history": "Histories are not offered inside Bundles, single versions are. Ask for it by itself.",
    "_search": "A search inside a Bundle is a GET with its parameters behind the type, like Patient?name=...",
    "metadata": "The capabilities are not offered inside Bundles. Ask for /fhir/metadata by itself.",
}


def why(method: Any, url: Any, *, resource: Any) -> str:
    """Why request.method and request.url don't fit together, or the resource not to them; empty for no such reason."""
    if not isinstance(method, str) or not isinstance(url, str):
        return "An entry needs request.method and request.url."
    if method not in METHODS:
        return f"The element request.method must be one of these, in capitals: {', '.join(METHODS)}."
    if url.startswith("/"):
        return f"The element request.url must not begin with a slash. {_FORMS}"
    if "://" in url.partition("?")[0]:
        return f"The element request.url names another server. {_FORMS}"
    *before, last = url.partition("?")[0].split("/")
    # Operations stand anywhere, [id]/_history/[version] is offered.
    if told := _ELSEWHERE.get("$" if any(part.startswith("$") for part in (*before, last)) else last):
        return told
    if resource is None and method in WITH_RESOURCE:
        return f"An entry with {method} needs a resource."
    if resource is not None and method not in WITH_RESOURCE:
        return f"An entry with {method} takes no resource."
    return ""
