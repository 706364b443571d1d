"""XML edited in place: what is not edited stays byte for byte, and what cannot be understood is refused."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from envyard.integrations.xmltext import Element, Node, NotXml, change, document, insert, is_bare, parse, remove

TEXT = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- of mine -->
<module type="PYTHON_MODULE" version="4">
  <component name="NewModuleRootManager">
    <content url="file://$MODULE_DIR$">
      <excludeFolder url="file://$MODULE_DIR$/a" /> <!-- big -->
      <!-- next -->
    </content>
    <orderEntry type="inheritedJdk" />
  </component>
  <component name='B&amp;W' q="a > b"></component>
</module>"""

EXCLUDED = Element(tag="excludeFolder", attributes={"url": "ä<&>\"\n'"})


def node(text: str, *tags: str) -> Node:
    found = parse(text)
    for tag in tags:
        found = next(found.named(tag))
    return found


def test_elements_have_their_attributes_in_order_and_their_places() -> None:
    top = parse(TEXT)
    assert (top.tag, list(top.attributes)) == ("module", ["type", "version"])
    first, second = top.children
    assert second.attributes == {"name": "B&W", "q": "a > b"}
    content, entry = first.children
    assert TEXT.encode()[entry.start : entry.end] == b'<orderEntry type="inheritedJdk" />'
    assert TEXT.encode()[content.close : content.end] == b"</content>"
    assert is_bare(TEXT, second)
    assert not is_bare("<a><!-- x --></a>", parse("<a><!-- x --></a>"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no element found"),
        ("<a>\n<b></a>", "line 2: mismatched tag"),
        ("<a", "line 1: unclosed token"),
        ("<a/><b/>", "line 1: junk after document element"),
        ('<a x="1" x="2" />', "line 1: duplicate attribute"),
        ("<a>&nbsp;</a>", "line 1: undefined entity"),
        ('<!DOCTYPE a [<!ENTITY x "y">]>\n<a>&x;</a>', "line 1: a document type is not accepted"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd">\n<a />', "line 1: a document type is not accepted"),
        ('<?xml version="1.0" encoding="latin1"?><a />', "line 1: expected UTF-8, found the encoding latin1"),
        ('{"a": 1}', "line 1: not well-formed (invalid token)"),
    ],
)  # fmt: skip
def test_what_is_no_plain_xml_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(NotXml) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_new_element_goes_behind_the_last_one_of_its_kind_and_the_comment_about_it() -> None:
    new = insert(TEXT, node(TEXT, "component", "content"), EXCLUDED)
    line = '      <excludeFolder url="ä&lt;&amp;&gt;&quot;&#10;\'" />\n'
    assert new == TEXT.replace("<!-- big -->\n", f"<!-- big -->\n{line}")
    assert node(new, "component", "content").children[-1].attributes == EXCLUDED.attributes


def test_the_first_of_its_kind_goes_to_the_end() -> None:
    option = Element(tag="option", children=(Element(tag="x", attributes={"a": "1"}),))
    assert insert(TEXT, node(TEXT, "component"), option) == TEXT.replace(
        '"inheritedJdk" />\n', '"inheritedJdk" />\n    <option>\n      <x a="1" />\n    </option>\n'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a />", "<a>\n  <b />\n</a>"),
        ("  <a/>\n", "  <a>\n    <b />\n  </a>\n"),
        ("<a></a>", "<a>\n  <b />\n</a>"),
        ("<a><c/></a>", "<a><c/>\n  <b />\n</a>"),
        ("<a><b/><c/></a>", "<a><b/>\n  <b />\n<c/></a>"),
        ("<a>\n\t<c />\n</a>", "<a>\n\t<c />\n\t<b />\n</a>"),
        ("<a>\r\n    <c />\r\n</a>\r\n", "<a>\r\n    <c />\r\n    <b />\r\n</a>\r\n"),
        ('<a x="/>" />', '<a x="/>">\n  <b />\n</a>'),
        ("\ufeff<ä />", "\ufeff<ä>\n  <b />\n</ä>"),
    ],
)
def test_a_new_element_is_written_as_the_file_is(text: str, expected: str) -> None:
    assert insert(text, parse(text), Element(tag="b")) == expected


def test_changing_touches_the_attributes_only() -> None:
    entry = node(TEXT, "component", "orderEntry")
    assert change(TEXT, entry, {"type": "jdk", "jdkName": "x"}) == TEXT.replace(
        '<orderEntry type="inheritedJdk" />', '<orderEntry type="jdk" jdkName="x" />'
    )
    component = parse(TEXT).children[1]
    assert change(TEXT, component, {"name": "C"}) == TEXT.replace("name='B&amp;W' q=\"a > b\"", 'name="C" q="a &gt; b"')


def test_taking_out_takes_the_line_and_leaves_the_comments() -> None:
    parent = node(TEXT, "component", "content")
    assert remove(TEXT, parent.children[0], parent) == TEXT.replace('<excludeFolder url="file://$MODULE_DIR$/a" />', "")
    parent = node(TEXT, "component")
    assert remove(TEXT, parent.children[1], parent) == TEXT.replace('    <orderEntry type="inheritedJdk" />\n', "")


def test_an_element_from_which_the_last_one_is_taken_out_is_as_it_was_before() -> None:
    text = '<a>\n  <b url="x" />\n</a>'
    with_it = insert(text, node(text, "b"), EXCLUDED)
    assert with_it != text
    assert remove(with_it, node(with_it, "b", "excludeFolder"), node(with_it, "b")) == text


def test_a_new_file_is_written_as_the_editor_would() -> None:
    top = Element(tag="a", attributes={"v": "4"}, children=(Element(tag="b"),))
    assert document(top) == '<?xml version="1.0" encoding="UTF-8"?>\n<a v="4">\n  <b />\n</a>'
    assert document(top, declared=False).startswith("<a v=")


# --- any text


def some_element(chance: random.Random, depth: int) -> Element:
    values = ["", "1", "ü", "<&>", '"', "'", " a  b ", "/>", "]]>", "\u2028"]
    names = chance.sample(["name", "url", "x-y", "é"], chance.randrange(4))
    children = [some_element(chance, depth + 1) for _ in range(chance.randrange(4) if depth < 3 else 0)]
    return Element(
        tag=chance.choice(["a", "b", "ö", "c.d"]),
        attributes={name: chance.choice(values) for name in names},
        children=tuple(children),
    )


def some_text(chance: random.Random, element: Element, comments: list[str]) -> str:
    """The element as XML, with comments and white space anywhere."""

    def space() -> str:
        if chance.random() < 0.6:
            return chance.choice(["", "", "\n", "\n  ", " ", "\t"])
        comments.append(f"c{len(comments)}; <z/> ")
        return f"<!-- {comments[-1]}-->" + chance.choice(["", "\n"])

    def quoted(value: str) -> str:
        quote = chance.choice("\"'")
        value = value.replace("&", "&amp;").replace("<", "&lt;")
        return quote + value.replace(quote, "&quot;" if quote == '"' else "&#39;") + quote

    start = element.tag + "".join(
        f"{chance.choice([' ', '  ', chr(10)])}{name}{chance.choice(['=', ' = '])}{quoted(value)}"
        for name, value in element.attributes.items()
    )
    if not element.children and chance.random() < 0.7:
        return f"<{start}{chance.choice(['', ' '])}/>"
    inside = "".join(space() + some_text(chance, child, comments) for child in element.children) + space()
    return f"<{start}>{inside}</{element.tag}{chance.choice(['', ' '])}>"


Shape = tuple[str, dict[str, str], list["Shape"]]


def shape(element: Element) -> Shape:
    return element.tag, dict(element.attributes), [shape(child) for child in element.children]


def read(text: str) -> Shape:
    """What another parser makes of it."""

    def one(element: ET.Element) -> Shape:
        return element.tag, dict(element.attrib), [one(child) for child in element]

    return one(ET.fromstring(text))


def family(parent: Node) -> Iterator[tuple[Node, Node]]:
    for child in parent.children:
        yield parent, child
        yield from family(child)


def at(top: Node, wanted: Node, tree: Shape) -> Shape:
    """The part of a tree that a node is."""
    if top is wanted:
        return tree
    for number, child in enumerate(top.children):
        if child.start <= wanted.start < child.end:
            return at(child, wanted, tree[2][number])
    raise AssertionError("not in there")


@pytest.mark.parametrize("seed", range(20))
def test_an_edit_of_any_text_changes_one_thing_and_loses_no_comment(seed: int) -> None:
    for number in range(40):
        chance = random.Random(seed * 1000 + number)
        element, comments = some_element(chance, 0), list[str]()
        text = some_text(chance, element, comments)
        if chance.random() < 0.3:
            text = text.replace("\n", "\r\n")
        top = parse(text)
        assert read(text) == shape(element)
        pairs = list(family(top))

        added, tree = some_element(chance, 2), shape(element)
        target = chance.choice([top, *(child for _parent, child in pairs)])
        alike = [place for place, child in enumerate(target.children) if child.tag == added.tag]
        at(top, target, tree)[2].insert(alike[-1] + 1 if alike else len(target.children), shape(added))
        new = insert(text, target, added)
        assert read(new) == tree
        assert all(comment in new for comment in comments)

        tree = shape(element)
        at(top, target, tree)[1].update({"name": "<new>", "z": "é"})
        new = change(text, target, {"name": "<new>", "z": "é"})
        assert read(new) == tree
        assert all(comment in new for comment in comments)

        if pairs:
            parent, child = chance.choice(pairs)
            tree = shape(element)
            at(top, parent, tree)[2].pop(next(place for place, one in enumerate(parent.children) if one is child))
            new = remove(text, child, parent)
            assert read(new) == tree
            inside = text.encode()[child.start : child.end].decode()
            left = re.findall(r"c\d+;", text.replace(inside, "", 1))
            assert all(comment in new for comment in left)
