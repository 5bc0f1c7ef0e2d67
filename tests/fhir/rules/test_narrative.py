"""What may stand in a narrative. https://hl7.org/fhir/R4/narrative.html"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.rules import narrative
from fhir.rules.narrative import MAX_DEPTH, problem

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
tags = st.sampled_from(
    ["p", "b", "br", "td", "span", "a", "script", "img", "form", "svg", "P", "h1", "h7", "div", "math", "iframe"]
)
attributes = st.sampled_from(
    [
        "", ' class="x"', ' title="a &gt; b"', ' href="page.html"', ' href="javascript:x"', ' href="java&#9;script:x"',
        ' onclick="x"', ' style="color: gray"', ' style="background:url(x)"', ' src="#a"', ' src="https://x/y.png"',
        ' xmlns="urn:x"', " class='x'", ' href="https://x.example/?a=b"', ' style="color:red;"', ' srcset="x"',
    ]
)  # fmt: skip
pieces = st.one_of(
    st.builds("<{}{}>x</{}>".format, tags, attributes, tags),
    st.builds("<{0}{1}>x</{0}>".format, tags, attributes),
    st.builds("<{}{}/>".format, tags, attributes),
    st.sampled_from(
        ["&lt;", "&nbsp;", "&#60;", "&#0;", "&amp;lt;", "<!-- x -->", "<!--><b/>-->", "<![CDATA[x]]>", "<?x?>", "\x07"]
    ),
    st.text(alphabet="ab <>&\"'/", max_size=6),
)


@given(st.lists(pieces, max_size=4).map("".join))
def test_the_quick_look_accepts_only_what_the_whole_look_accepts(inner: str) -> None:
    div = DIV.format(inner)
    quick = problem(div)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(narrative, "_PLAIN", re.compile("(?!)"))
        assert problem(div) == quick


@pytest.mark.parametrize(
    "inner",
    [
        "<p>text &amp; more</p>", '<img src="#picture" alt="x"/>', '<img src="Binary/1"/>', '<b class="x">y</b>',
        '<img src="data:image/png;base64,aGk="/>', '<a href="https://x.example">x</a>', "<!-- a comment -->",
        '<a name="x" href="#y">z</a>', '<p xml:lang="de">Grüße</p>', "<br />",
    ],
)  # fmt: skip
def test_plain_formatting_is_accepted(inner: str) -> None:
    assert problem(DIV.format(inner)) is None


@pytest.mark.parametrize(
    "inner",
    [
        "<script>x</script>", '<p onclick="x">y</p>', '<a href="javascript:x">y</a>', '<a href=" java\tscript:x">y</a>',
        '<a href="data:text/html,x">y</a>', '<img src="https://x.example/p.png"/>', '<img src="//x.example/p.png"/>',
        '<img src="\\\\x.example/p.png"/>', '<img src=" http&#58;//x"/>', '<p style="background:url(x)">y</p>', "<form/>",
        "<iframe/>", '<svg xmlns="http://www.w3.org/2000/svg"/>', "<p>", "&nbsp;", "<![CDATA[x]]>", "<!--><p/>-->",
        '<p xmlns="urn:x">y</p>', "<b/" * 3, '<img src="data:image/svg+xml;base64,aGk="/>',
    ],
)  # fmt: skip
def test_what_runs_or_loads_from_elsewhere_is_refused(inner: str) -> None:
    assert problem(DIV.format(inner))


@pytest.mark.parametrize("div", ["", "text", "<div>x</div>", '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
                                 '<div xmlns="http://www.w3.org/1999/xhtml" onclick="x">y</div>'])  # fmt: skip
def test_the_outermost_element_is_a_div_of_xhtml(div: str) -> None:
    assert problem(div)


def test_the_nesting_is_bounded() -> None:
    assert problem(DIV.format("<b>" * (MAX_DEPTH - 1) + "</b>" * (MAX_DEPTH - 1))) is None
    assert problem(DIV.format("<b>" * MAX_DEPTH + "x" + "</b>" * MAX_DEPTH))
    assert problem(DIV.format("<b>x</b>" * 1000)) is None


@given(st.lists(st.sampled_from(["<b>", "</b>", "<br/>", "text > x", "text", "/>"]), max_size=40), st.integers(1, 30))
def test_counting_never_tells_less_than_the_depth(parts: list[str], stretch: int) -> None:
    div = "".join(parts)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(narrative, "_STRETCH", stretch)
        assert narrative._depth_at_most(div) >= narrative._depth(div)
