"""Colours in Artisan's roast logs.

A `.alog` file is one Python dict literal, in UTF-8; `ground_color` and `whole_color` are integers, `color_system` names the
meter or its scale. Only these entries are written: every other byte stays as Artisan wrote it.
"""

from __future__ import annotations

import ast
import re
import warnings
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canbean.errors import FileError, LogError
from canbean.files import read_bytes, write_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

LARGEST = 8 << 20
"""Bytes; an hour of twenty curves is about 4 MB."""
MOST_VALUES = 1 << 19
"""Numbers and texts in a file: what a syntax tree of them takes is some hundred times their bytes."""
DEEPEST = 32
"""Brackets in each other; Artisan's have six."""

_TEXT = re.compile(rb"""'(?:[^'\\]|\\[\s\S]?)*+(?:'|\Z)|"(?:[^"\\]|\\[\s\S]?)*+(?:"|\Z)""")
_BRACKETS = b"()[]{}"
_NO_BRACKET = bytes(set(range(256)) - set(_BRACKETS))


def colours(text: bytes, name: str = "this roast log") -> dict[str, Any]:
    """What a roast log holds, by key.

    Raises:
        LogError: it is no dict literal, or too large or too nested to be a roast log.
    """
    return _parse(text, name)[1]


def annotated(text: bytes, entries: Mapping[str, int | str], name: str = "this roast log") -> bytes:
    """A roast log with these entries set; all other bytes are as they were.

    Args:
        text: the file's bytes.
        entries: values by key; keys that the log lacks are put in front.
        name: of the file, for errors.

    Raises:
        LogError: it is no dict literal, or too large or too nested to be a roast log.
    """
    tree, before = _parse(text, name)
    starts = [0, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", text))]
    edits = []
    missing = dict(entries)
    for key, value in zip(tree.keys, tree.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or key.value not in entries:
            continue
        missing.pop(key.value, None)
        assert value.end_lineno is not None
        assert value.end_col_offset is not None
        start, end = (
            starts[line - 1] + column
            for line, column in (
                (value.lineno, value.col_offset),
                (value.end_lineno, value.end_col_offset),
            )
        )
        edits.append((start, end, _literal(entries[key.value])))
    if missing:
        front = starts[tree.lineno - 1] + tree.col_offset + 1
        added = b", ".join(_literal(key) + b": " + _literal(value) for key, value in missing.items())
        edits.append((front, front, added + (b", " if tree.keys else b"")))
    made = text
    # from the end, so that places before an edit stay where they are
    for start, end, written in sorted(edits, reverse=True):
        made = made[:start] + written + made[end:]
    if _parse(made, name)[1] != {**before, **entries}:
        raise LogError(
            f"{name}: cannot be annotated without a change to something else: annotate it in Artisan"
        )
    return made


def check(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Find out whether these are roast logs, before a value is asked for.

    Raises:
        LogError: a file is no roast log.
        FileError: a file cannot be read.
    """
    for path in paths:
        _parse(read_bytes(path, "roast log"), str(path))


def annotate(
    paths: Iterable[str | os.PathLike[str]], entries: Mapping[str, int | str]
) -> list[tuple[Path, Path | None]]:
    """Set entries of roast logs; each log as it was is kept beside it, as `NAME.alog.bak`.

    A copy that is there already is the older one, and stays. All files are read before the first is written, so one that is
    bad leaves all as they were.

    Returns:
        For each file its path and that of the copy; None where the file had these entries already and was left alone.

    Raises:
        LogError: a file is no roast log.
        FileError: a file cannot be read or written.
    """
    planned = {}
    for path in map(Path, paths):
        text = read_bytes(path, "roast log")
        made = annotated(text, entries, str(path))
        planned[path] = text, made
    done: list[tuple[Path, Path | None]] = []
    for path, (text, made) in planned.items():
        if made == text:
            done.append((path, None))
            continue
        copy = path.with_name(f"{path.name}.bak")
        if copy.is_dir():
            raise FileError(f"{copy}: is a folder: the copy of {path.name} has no place")
        if not copy.exists():
            write_bytes(copy, text)
        write_bytes(path, made)
        done.append((path, copy))
    return done


def _literal(value: int | str) -> bytes:
    return repr(value).encode()


def _parse(text: bytes, name: str) -> tuple[ast.Dict, dict[str, Any]]:
    """The syntax tree, its places in bytes of `text`, and the dict."""
    foreign = f"{name}: is no roast log of Artisan (.alog)"
    if len(text) > LARGEST:
        raise LogError(f"{name}: {len(text)} bytes are too many for a roast log: at most {LARGEST}")
    bare = _TEXT.sub(b"", text)
    if bare.count(b",") > MOST_VALUES:
        raise LogError(f"{name}: holds too much for a roast log: at most {MOST_VALUES} values")
    steps = (1 if bracket in b"([{" else -1 for bracket in bare.translate(None, _NO_BRACKET))
    if max(accumulate(steps), default=0) > DEEPEST:
        raise LogError(f"{foreign}: brackets are nested more than {DEEPEST} deep")
    try:
        with warnings.catch_warnings():
            # of odd escapes in texts: Artisan reads them all the same
            warnings.simplefilter("ignore")
            tree = ast.parse(text.decode(), name, "eval").body
            found = ast.literal_eval(tree)
    except UnicodeDecodeError as error:
        raise LogError(f"{foreign}: byte {error.start} is not UTF-8") from error
    except SyntaxError as error:
        raise LogError(f"{foreign}: line {error.lineno or 1}: {error.msg}") from error
    except (ValueError, TypeError) as error:
        raise LogError(f"{foreign}: it is no plain Python value") from error
    except (MemoryError, RecursionError) as error:
        raise LogError(f"{foreign}: too deeply nested") from error
    if not isinstance(tree, ast.Dict) or None in tree.keys:
        raise LogError(f"{foreign}: it holds a {type(found).__name__}, not a dict")
    return tree, found
