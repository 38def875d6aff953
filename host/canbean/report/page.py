"""The page around the sections, and what sections are made of: headings, facts, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canbean import __version__
from canbean.report.markup import Markup, element, join
from canbean.report.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

SIMULATED = "simulated data"
"""What stands beside every heading whose figures come from a simulation."""


def page(title: str, sections: Sequence[Markup], note: str = "") -> str:
    """A whole HTML document that needs no other file.

    Args:
        title: name of the page.
        sections: what `section` made, in order.
        note: a paragraph below the title.

    Raises:
        TypeError: a section that is plain text: it could hold markup from data.
    """
    for part in sections:
        if not isinstance(part, Markup):
            raise TypeError("a section is made by a function of canbean.report, not by hand")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        # Style holds no < and no &, so that it is the same in HTML and in XML.
        element("style", Markup(STYLE)),
    )
    body = element(
        "main",
        element("h1", title),
        element("p", note, class_="quiet") if note else "",
        *sections,
        element("footer", f"Made by canbean {__version__}. This file is whole: it loads nothing."),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', body), lang='en')}\n"


def section(title: str, *parts: object, simulated: bool) -> Markup:
    """A section with its heading, which says when its data is simulated."""
    badge = element("span", SIMULATED, class_="badge") if simulated else ""
    return element("section", element("h2", title, badge), *parts)


def heading(words: str) -> Markup:
    """A heading within a section."""
    return element("h3", words)


def paragraph(words: str, *, quiet: bool = False) -> Markup:
    """A paragraph of text."""
    return element("p", words, class_="quiet" if quiet else None)


def facts(pairs: Sequence[tuple[str, str]]) -> Markup:
    """The few figures that matter most: (what, value)."""
    items = [element("li", element("b", value), element("span", what)) for what, value in pairs]
    return element("ul", *items, class_="facts")


def wide(content: Markup) -> Markup:
    """Something that scrolls sideways where the window is narrow."""
    return element("div", content, class_="wide")


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    text: Sequence[int] = (0,),
    prose: Sequence[int] = (),
    chosen: int | None = None,
) -> Markup:
    """A table; cells are escaped.

    Args:
        headings: one a column.
        rows: as many cells each.
        text: columns set left; the others are numbers, set right.
        prose: columns of text that may wrap.
        chosen: the row to be set bold.
    """
    kind = {**dict.fromkeys(text, "text"), **dict.fromkeys(prose, "prose")}
    head = element("tr", *[element("th", words, class_=kind.get(n)) for n, words in enumerate(headings)])
    body = [
        element(
            "tr",
            *[element("td", cell, class_=kind.get(n)) for n, cell in enumerate(row)],
            class_="chosen" if place == chosen else None,
        )
        for place, row in enumerate(rows)
    ]
    return wide(element("table", element("thead", head), element("tbody", join(*body))))
