"""Whether a narrative is safe to show: a closed list of elements, attributes and addresses, nothing that runs.

https://hl7.org/fhir/R4/narrative.html (txt-1). What is not plainly harmless is refused, not repaired: the bytes are kept as
sent, so what gets in is what somebody's page may show one day. An empty narrative (txt-2) is harmless and passes, as one of
the official examples has one.
"""

import re
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS: Final = """
    p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo kbd
    sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map area
    """
_ATTRIBUTES: Final = """
    title style class id lang dir accesskey tabindex span width height align valign char charoff abbr axis headers scope
    rowspan colspan border cellpadding cellspacing summary frame rules nowrap name href src alt longdesc usemap shape coords
    cite start type value clear compact bgcolor hspace vspace ismap rel datetime
    """
_TAGS: Final = frozenset(f"{_XHTML}{name}" for name in _ELEMENTS.split())
_NAMES: Final = frozenset((*_ATTRIBUTES.split(), "{http://www.w3.org/XML/1998/namespace}lang"))
_ADDRESSES: Final = frozenset(("href", "src", "longdesc", "usemap", "cite"))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_SAFE_SCHEMES: Final = frozenset(("http", "https", "mailto", "tel", "urn"))
_PICTURE = re.compile(r"data:image/(png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_UNSAFE_STYLE = re.compile(r"url\s*\(|expression|javascript|@import|behavior|binding|\\|<", re.IGNORECASE)
_BLANKS = re.compile("[\x00-\x20\x7f-\xa0]+")
# An XML reader and an HTML reader disagree where these end, so what is hidden for one can run in the other.
_AMBIGUOUS = re.compile(r"<!\[CDATA\[|<\?|<!--(?:-?>|(?:(?!-->)[\s\S])*<)|<!(?!--)")


def problem(div: str) -> str | None:
    """What to change if this div can't be shown safely; None if it can."""
    if _AMBIGUOUS.search(div):
        return "Remove CDATA sections, processing instructions, document types and comments that hold markup."
    try:
        root = fromstring(div)  # no document type gets here, so no entity can grow
    except (ParseError, ValueError):
        return "Send well-formed XHTML; entities other than the five of XML (such as &nbsp;) are not allowed."
    if root.tag != f"{_XHTML}div":
        return 'The outermost element must be <div xmlns="http://www.w3.org/1999/xhtml">.'
    return next((wrong for element in root.iter() if (wrong := _wrong(element))), None)


def _wrong(element: Element) -> str | None:
    tag = element.tag.removeprefix(_XHTML)
    if element.tag not in _TAGS:
        return "Send only the basic elements of XHTML: no script, style, form, object, frame, link or foreign element."
    for name, value in element.attrib.items():
        if name not in _NAMES:
            return "Remove attributes that are not plain formatting; those of events (on...) are never allowed."
        if name in _ADDRESSES and not _is_safe_address(value, tag=tag):
            return "Link only to http, https, mailto, tel, urn or # addresses; pictures may also be data:image."
        if name == "style" and _UNSAFE_STYLE.search(value):
            return "Send styles without url(), import, expression and escapes."
    return None


def _is_safe_address(value: str, *, tag: str) -> bool:
    # Browsers skip blanks and control characters inside a scheme.
    scheme = _SCHEME.match(_BLANKS.sub("", value))
    if scheme is None or scheme[1].lower() in _SAFE_SCHEMES:
        return True
    return tag == "img" and _PICTURE.fullmatch(value.strip()) is not None
