"""The constraints of Bundles that are kept: documents, collections and the like. https://hl7.org/fhir/R4/bundle.html"""

from typing import Any, Final

from fhir.rules.invariants.rule import Node, Rule, one_of, parts, repeats, rule

_ASKING: Final = ("batch", "transaction", "history")
_ANSWERING: Final = ("batch-response", "transaction-response", "history")


def _searched(node: Node) -> bool:
    return node.get("type") != "searchset" and any("search" in entry for entry in parts(node, "entry"))


def _only_in(element: str, types: tuple[str, ...]) -> Any:
    def broken(node: Node) -> bool:
        wanted = node.get("type") in types
        return any((element in entry) != wanted for entry in parts(node, "entry")) and not _is_notification(node)

    return broken


def _is_notification(node: Node) -> bool:
    # A notice of the subscriptions backport for R4 travels as a history whose first entry is its status; the guide's
    # entries and those of ISiK have no request and response.
    return node.get("type") == "history" and _first("history", "Parameters")(node) is False


def _same_url(node: Node) -> bool:
    named = [entry for entry in parts(node, "entry") if isinstance(entry.get("fullUrl"), str)]
    return node.get("type") != "history" and repeats((entry["fullUrl"], _version(entry)) for entry in named)


def _version(entry: Node) -> str:
    resource = entry.get("resource")
    meta = resource.get("meta") if isinstance(resource, dict) else None
    return str(meta.get("versionId", "")) if isinstance(meta, dict) else ""


def _unnamed(node: Node) -> bool:
    held = node.get("identifier")
    return node.get("type") == "document" and not (isinstance(held, dict) and {"system", "value"} <= held.keys())


def _first(type: str, first: str) -> Any:
    def broken(node: Node) -> bool:
        resource = next((entry.get("resource") for entry in parts(node, "entry")), None)
        return node.get("type") == type and not (isinstance(resource, dict) and resource.get("resourceType") == first)

    return broken


def _versioned(node: Node) -> bool:
    urls = [str(entry.get("fullUrl", "")) for entry in parts(node, "entry")]
    return any("/_history/" in url for url in urls) and not _is_notification(node)


BUNDLES: Final[dict[str, tuple[Rule, ...]]] = {
    "Bundle": (
        rule("bdl-1", "Only a searchset or history has a total.",
             lambda node: "total" in node and node.get("type") not in ("searchset", "history"), at="total"),
        rule("bdl-2", "Only the entries of a searchset have search.", _searched, at="entry"),
        rule("bdl-3", "Entries have a request in a batch, transaction or history, and nowhere else.",
             _only_in("request", _ASKING), at="entry"),
        rule("bdl-4", "Entries have a response in the answer to a batch or transaction and in a history, nowhere else.",
             _only_in("response", _ANSWERING), at="entry"),
        rule("bdl-7", "Give entries different fullUrls, or their resources different versions.", _same_url, at="entry"),
        rule("bdl-8", "Send fullUrls without a version.", _versioned, at="entry"),
        rule("bdl-9", "A document has an identifier with system and value.", _unnamed, at="identifier"),
        rule("bdl-10", "A document has a timestamp.",
             lambda node: node.get("type") == "document" and "timestamp" not in node, at="timestamp"),
        rule("bdl-11", "The first resource of a document is its Composition.",
             _first("document", "Composition"), at="entry"),
        rule("bdl-12", "The first resource of a message is its MessageHeader.",
             _first("message", "MessageHeader"), at="entry"),
    ),
    "Bundle.entry": (
        one_of("bdl-5", "resource", "request", "response", text="Give the entry a resource, a request or a response."),
    ),
}  # fmt: skip
