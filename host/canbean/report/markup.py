"""Markup that cannot be broken by what stands in it: elements built by a function that escapes all else."""

from __future__ import annotations

import html
import re

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML does not allow, and invisible controls; each is shown as a replacement character."""


class Markup(str):
    """Text that is markup already: it is put into elements as it is."""

    __slots__ = ()


def escape(content: object) -> Markup:
    """Anything as text inside markup; `Markup` stays as it is."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", str(content))))


def join(*parts: object) -> Markup:
    """Several parts one after the other, each escaped unless it is markup."""
    return Markup("".join(map(escape, parts)))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One element, well formed as HTML and as XML.

    Args:
        tag: name of the element, from this package and never from data.
        children: text, which is escaped, or `Markup`.
        attributes: values are escaped, None leaves the attribute out; `class_` is `class`, `_` becomes `-`. Numbers are
            cut to two decimals, which is finer than a screen.
    """
    words = [tag]
    for name, value in attributes.items():
        if value is None:
            continue
        text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
        words.append(f'{name.rstrip("_").replace("_", "-")}="{escape(str(text))}"')
    if not children and tag not in {"td", "th", "p", "div", "g"}:
        return Markup(f"<{' '.join(words)}/>")
    return Markup(f"<{' '.join(words)}>{join(*children)}</{tag}>")
