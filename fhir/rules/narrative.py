"""Whether a narrative is safe to show: a closed list of elements, attributes and addresses, nothing that runs.

https://hl7.org/fhir/R4/narrative.html (txt-1). What is not plainly harmless is refused, not repaired: the bytes are kept as
sent, so what gets in is what somebody's page may show one day. An empty narrative (txt-2) is harmless and passes, as one of
the official examples has one.
"""

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

MAX_DEPTH: Final = 200  # the deepest official example has 9 levels; what shows it must not run out of stack

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_BASIC: Final = """
    p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo kbd
    sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map area
    """
_ELEMENTS: Final = frozenset(_BASIC.split())
_PLAIN_ONES: Final = """
    title style class id lang dir accesskey tabindex span width height align valign char charoff abbr axis headers scope
    rowspan colspan border cellpadding cellspacing summary frame rules nowrap name href src alt longdesc usemap shape coords
    cite start type value clear compact bgcolor hspace vspace ismap rel datetime xml:lang
    """
_ATTRIBUTES: Final = frozenset(_PLAIN_ONES.split())
_ADDRESSES: Final = frozenset(("href", "longdesc", "usemap", "cite"))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_SAFE_SCHEMES: Final = frozenset(("http", "https", "mailto", "tel", "urn"))
_PICTURE = re.compile(r"data:image/(png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_UNSAFE_STYLE = re.compile(r"url\s*\(|expression|javascript|@import|behavior|binding|\\|<", re.IGNORECASE)
_STRETCH: Final = 4096
_TAG = re.compile("<([^<>]*)>")
_BLANKS = re.compile("[\x00-\x20\x7f-\xa0]+")
# An XML reader and an HTML reader disagree where these end, so what is hidden for one can run in the other.
_AMBIGUOUS = re.compile(r"<!\[CDATA\[|<\?|<!--(?:-?>|(?:(?!-->)[\s\S])*<)|<!(?!--)")


# Most narratives have only tags that are harmless by themselves; those need no look at each of them, just to be well-formed.
_PLAIN = re.compile(
    r"""
    <div[ ]xmlns="http://www\.w3\.org/1999/xhtml">
    (?:
      [^<&]*+
      (?:
        <(?:
          /?(?:b|p|td|tr|span|a|div|th|h[1-6]|li|ul|ol|i|em|dl|dt|dd|pre|strong|table|tbody|thead|blockquote)>
          | (?:br|hr|p|td|th|tr|b|h2)[ ]?/>
          | a[ ]href="(?:https?://|mailto:)?[A-Za-z0-9_./#?=@%,\-]*+"(?:[ ]title="[^"<>&]*+")?>
          | (?:td|span|table|p|b|th|tr|div|h[1-6]|ul|ol|li|i|pre)(?:
              [ ](?:class|title|colspan|rowspan|align|valign)="[^"<>&]*+"
              | [ ]style="(?![^"]*(?i:expression|javascript|behavior|binding))[A-Za-z0-9:;.,%\# \-]*+"
            )++[ ]?/?>
        )
        | &(?:amp|lt|gt|quot|apos|\#[0-9]{1,6});
      )
    )*+
    [^<&]*+
    """,
    re.VERBOSE,
)


class _UnsafeError(Exception):
    """Raised inside the parser with what to change."""


def problem(div: str) -> str | None:
    """What to change if this div can't be shown safely; None if it can."""
    parser = ParserCreate()
    if _PLAIN.fullmatch(div) is None:
        # No document type gets past here, so no entity can grow.
        if _AMBIGUOUS.search(div):
            return "Remove CDATA sections, processing instructions, document types and comments that hold markup."
        parser.StartElementHandler = _outermost(parser)
    # Each level has a beginning and an end, so a short narrative can't be deep; few long ones may be.
    if div.count("<") > 2 * MAX_DEPTH and _depth_at_most(div) > MAX_DEPTH and _depth(div) > MAX_DEPTH:
        return f"Nest the elements of the narrative at most {MAX_DEPTH} levels deep."
    try:
        parser.Parse(div, True)
    except (ExpatError, ValueError):
        return "Send well-formed XHTML; entities other than the five of XML (such as &nbsp;) are not allowed."
    except _UnsafeError as wrong:
        return str(wrong)
    return None


def _outermost(parser: XMLParserType) -> Callable[[str, dict[str, str]], None]:
    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag != "div" or attributes.pop("xmlns", "") != _XHTML:
            raise _UnsafeError('The outermost element must be <div xmlns="http://www.w3.org/1999/xhtml">.')
        _element(tag, attributes)
        parser.StartElementHandler = _element

    return start


def _depth_at_most(div: str) -> int:
    """A depth that the nesting does not exceed, found by counting: a quarter of the time of looking at each tag."""
    if div.count(">") != div.count("<"):
        return _depth(div)  # a > in a text could pass for an end
    depth = most = at = 0
    while at < len(div):
        end = div.find("<", at + _STRETCH)
        end = len(div) if end < 0 else end
        ends = div.count("</", at, end)
        begins = div.count("<", at, end) - ends - div.count("/>", at, end)
        most = max(most, depth + begins)
        depth, at = depth + begins - ends, end
    return most


def _depth(div: str) -> int:
    # Comments and tags within attributes count too; who has so many of them can do without.
    tags = _TAG.findall(div)
    steps = {tag: -1 if tag[:1] == "/" else 0 if tag[-1:] == "/" else 1 for tag in {*tags}}
    return max(accumulate(map(steps.__getitem__, tags)), default=0)


def _element(tag: str, attributes: dict[str, str]) -> None:
    """Nothing, or an exception for an element or attribute that is not plainly harmless."""
    if tag not in _ELEMENTS:
        raise _UnsafeError("Send only the basic elements of XHTML: no script, style, form, object, frame or link.")
    for name, value in attributes.items():
        if name not in _ATTRIBUTES and (name != "xmlns" or value != _XHTML):
            raise _UnsafeError(
                "Remove attributes that are not plain formatting; those of events (on...) are never allowed."
            )
        if name == "src" and not _is_own_picture(value):
            raise _UnsafeError("Send pictures as data:image or as links within the record, not as addresses elsewhere.")
        if name in _ADDRESSES and not _is_safe_address(value):
            raise _UnsafeError("Link only to http, https, mailto, tel, urn or # addresses.")
        if name == "style" and _UNSAFE_STYLE.search(value):
            raise _UnsafeError("Send styles without url(), import, expression and escapes.")


def _is_safe_address(value: str) -> bool:
    # Browsers skip blanks and control characters inside a scheme.
    scheme = _SCHEME.match(_BLANKS.sub("", value))
    return scheme is None or scheme[1].lower() in _SAFE_SCHEMES


def _is_own_picture(value: str) -> bool:
    address = _BLANKS.sub("", value).replace("\\", "/")
    if address.startswith("//"):
        return False
    return _SCHEME.match(address) is None or _PICTURE.fullmatch(value.strip()) is not None
