"""The model file: `.cbm`, little-endian, every section 4-byte aligned so that a board reads it in place.

```
magic "CBM1" | u16 version | u16 arithmetic | u16 minimum firmware | u8 sections | u8 signed, 0 or 1
| u32 length of the file, trailer included
a row a section: tag[4] | u32 offset from the file's start | u32 length without padding
the sections, each padded with zeros to 4 bytes
SHA-256 of every byte before it
in a signed model: HMAC-SHA256 (RFC 2104) of every byte before it, with a key of 32 bytes
```

A tag whose first letter is a capital is critical: a reader that does not know it refuses the model. Sections
with a small first letter are kept as they are. Reading never trusts a length or an offset.

Both digests cover the header, so a file says of itself that it is signed and how long it then is: a signature cut
off, added or exchanged never passes unseen where there is a key, nor a cut or an addition where there is none. Anybody
may build the unsigned file of a signed model; that is why a reader with a key takes signed models only. A reader
without one takes both, and of a signature only that it has 32 bytes.

A model's name (`digest`) is that of its unsigned file: signing, and signing with another key, do not change it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canbean.errors import ModelError
from canbean.files import read_bytes, write_bytes
from canbean.tiny.packing import padded

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping

MAGIC = b"CBM1"
VERSION = 1
ARITHMETIC = 1
MINIMUM_FIRMWARE = 1

HEADER = struct.Struct("<4sHHHBBI")
ROW = struct.Struct("<4sII")
TRAILER = 32
SIGNATURE = 32
KEY = 32
SECTIONS_MOST = 16
SMALLEST = HEADER.size + TRAILER
# No board's file system holds more; it bounds what a wrong file can cost to refuse.
LARGEST = 4 << 20


@dataclass(frozen=True)
class Model:
    """What a model file holds.

    Attributes:
        sections: content by tag (4 ASCII letters or digits), in the order of the file.
        version: version of the file's layout.
        arithmetic: version of the integer rules that the sections follow (`canbean.tiny.fixed`).
        minimum_firmware: the oldest firmware that runs it (`VERSION` in the firmware's package).
        signed: the file it was read from has a signature, which was checked if a key was given. `pack` asks only
            for its own key.
    """

    sections: Mapping[str, bytes]
    version: int = VERSION
    arithmetic: int = ARITHMETIC
    minimum_firmware: int = MINIMUM_FIRMWARE
    signed: bool = False

    @property
    def meta(self) -> dict[str, Any]:
        """What META says.

        Raises:
            ModelError: there is no META, or it is no JSON object.
        """
        return self.read_meta("this model")

    def read_meta(self, name: str) -> dict[str, Any]:
        """What META says, or an error whose message begins with `name`.

        Raises:
            ModelError: there is no META, or it is no JSON object.
        """
        return _parse_meta(self, name)

    def refuse_unknown(self, known: Collection[str], name: str) -> None:
        """Refuse sections that must be known and are not; META and GOLD always are.

        Raises:
            ModelError: a section with a capital first letter is not among `known`.
        """
        for tag in self.sections:
            if tag[0].isupper() and tag not in known and tag not in {"META", "GOLD"}:
                raise ModelError(f"{name}: has a section {tag} that is not known here: use a newer canbean")


def encode_meta(meta: Mapping[str, Any]) -> bytes:
    """META's bytes: compact JSON in ASCII with sorted keys, so that the same content gives the same bytes.

    Raises:
        ModelError: a value has no JSON form (NaN is one of these).
    """
    try:
        text = json.dumps(meta, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelError(f"META: {error}") from error
    return text.encode("ascii")


def pack(model: Model, key: bytes | None = None) -> bytes:
    """A model as the bytes of its file; the same model and key give the same bytes.

    Args:
        model: what to pack.
        key: 32 bytes to sign it with; not given: unsigned.

    Raises:
        ModelError: a tag is not 4 ASCII letters or digits beginning with a letter, there are too many sections
            or bytes, or the key has another length.
    """
    check_key(key)
    if len(model.sections) > SECTIONS_MOST:
        raise ModelError(f"{len(model.sections)} sections; a model has at most {SECTIONS_MOST}")
    offset = HEADER.size + ROW.size * len(model.sections)
    rows, bodies = [], []
    for tag, content in model.sections.items():
        if not _is_tag(tag):
            raise ModelError(f"section {tag!r}: a tag is 4 ASCII letters or digits, a letter first")
        body = padded(content)
        rows.append(ROW.pack(tag.encode("ascii"), offset, len(content)))
        bodies.append(body)
        offset += len(body)
    length = offset + TRAILER + (SIGNATURE if key is not None else 0)
    if length > LARGEST:
        raise ModelError(f"the model would take {length} bytes; the most is {LARGEST}")
    versions = (model.version, model.arithmetic, model.minimum_firmware)
    try:
        head = HEADER.pack(MAGIC, *versions, len(model.sections), key is not None, length)
    except struct.error as error:
        raise ModelError(f"versions {versions} of a model do not fit 16 bits") from error
    content = b"".join([head, *rows, *bodies])
    content += hashlib.sha256(content).digest()
    return content if key is None else content + _signature(content, key)


def unpack(blob: bytes, name: str, key: bytes | None = None) -> Model:
    """Read a model from the bytes of its file; `signed` of the model says whether it has a signature.

    Args:
        blob: the whole file.
        name: what error messages call it.
        key: 32 bytes; with it only a model that was signed with it is taken, without it any.

    Raises:
        ModelError: it is no model, another version, cut, damaged, its table makes no sense, or it is not signed
            with the key.
    """
    check_key(key)
    if not blob:
        raise ModelError(f"{name}: is empty")
    if blob[:4] != MAGIC:
        raise ModelError(f"{name}: is not a canbean model (it does not begin with CBM1)")
    if len(blob) < SMALLEST:
        raise ModelError(f"{name}: is cut off: {len(blob)} bytes, a model has at least {SMALLEST}")
    _, version, arithmetic, firmware, count, signed, length = HEADER.unpack_from(blob)
    if version != VERSION:
        raise ModelError(f"{name}: has layout version {version}; this canbean reads {VERSION}")
    if arithmetic != ARITHMETIC:
        raise ModelError(f"{name}: has arithmetic version {arithmetic}; this canbean computes {ARITHMETIC}")
    if signed > 1:
        raise ModelError(f"{name}: is signed in a way {signed} that is not known here: use a newer canbean")
    if length != len(blob):
        raise ModelError(f"{name}: should have {length} bytes and has {len(blob)}: cut off or added to")
    end = length - TRAILER - SIGNATURE * signed
    if end < HEADER.size:
        raise ModelError(f"{name}: is cut off: {length} bytes do not hold a signed model")
    if hashlib.sha256(blob[:end]).digest() != blob[end : end + TRAILER]:
        raise ModelError(f"{name}: is damaged: its SHA-256 does not match; copy or build it again")
    if key is not None:
        if not signed:
            raise ModelError(f"{name}: is not signed, and a key was given: sign it with 'model sign'")
        if not hmac.compare_digest(_signature(blob[:-SIGNATURE], key), blob[-SIGNATURE:]):
            raise ModelError(f"{name}: is signed with another key, or its signature is damaged")
    model = Model(_sections(blob[:end], count, name), version, arithmetic, firmware, bool(signed))
    if "META" in model.sections:
        _parse_meta(model, name)
    return model


def read(path: str | os.PathLike[str], key: bytes | None = None) -> Model:
    """Read a model file; `key` as for `unpack`.

    Raises:
        FileError: it cannot be read.
        ModelError: what it holds is not a model, or a damaged one.
    """
    try:
        size = Path(path).stat().st_size
    except OSError:
        size = 0  # read_bytes says what is wrong
    if size > LARGEST:
        raise ModelError(f"{path}: has {size} bytes; no model has more than {LARGEST}")
    return unpack(read_bytes(path, "model"), str(path), key)


def write(path: str | os.PathLike[str], model: Model, key: bytes | None = None) -> None:
    """Write a model file whole, or leave what was there; `key` as for `pack`.

    Raises:
        FileError: the folder is missing or cannot be written.
        ModelError: as `pack`.
    """
    write_bytes(path, pack(model, key))


def digest(blob: bytes) -> str:
    """A model's name among models: the hexadecimal SHA-256 that ends its unsigned file, for a signed file too."""
    if len(blob) < SMALLEST + SIGNATURE or blob[:4] != MAGIC or HEADER.unpack_from(blob)[-2] != 1:
        return blob[-TRAILER:].hex()
    *head, _, length = HEADER.unpack_from(blob)
    plain = HEADER.pack(*head, 0, max(0, length - SIGNATURE))
    return hashlib.sha256(plain + blob[HEADER.size : -TRAILER - SIGNATURE]).hexdigest()


def check_key(key: bytes | None) -> None:
    """Refuse what is no key.

    Raises:
        ModelError: the key, if there is one, has not 32 bytes; its content is not told.
    """
    if key is not None and len(key) != KEY:
        raise ModelError(f"a key has {KEY} bytes, not {len(key)}: make one with 'model key'")


def _signature(content: bytes, key: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")


def _is_tag(tag: str) -> bool:
    return len(tag) == 4 and tag.isascii() and tag.isalnum() and tag[0].isalpha()


def _sections(blob: bytes, count: int, name: str) -> dict[str, bytes]:
    """The sections by tag of a file without its trailer; every row of the table is checked before it is used."""
    end = len(blob)
    at = HEADER.size + ROW.size * count
    if count > SECTIONS_MOST or at > end:
        raise ModelError(f"{name}: its table of {count} sections does not fit into it")
    sections: dict[str, bytes] = {}
    for row in range(count):
        raw, offset, length = ROW.unpack_from(blob, HEADER.size + ROW.size * row)
        tag = raw.decode("latin-1")
        if not _is_tag(tag):
            raise ModelError(f"{name}: section {row} has the tag {raw!r}, not 4 letters or digits")
        if tag in sections:
            raise ModelError(f"{name}: has section {tag} twice")
        if offset % 4:
            raise ModelError(f"{name}: section {tag} begins at {offset}, not a multiple of 4")
        if offset + length > end:
            raise ModelError(f"{name}: section {tag} reaches to {offset + length}, past the end at {end}")
        if offset < at:
            raise ModelError(f"{name}: section {tag} begins at {offset}, inside what is before it")
        if offset > at:
            raise ModelError(f"{name}: {offset - at} bytes before section {tag} belong to nothing")
        at = offset + (length + 3) // 4 * 4
        if at > end or any(blob[offset + length : at]):
            raise ModelError(f"{name}: section {tag} is not padded with zeros to 4 bytes")
        sections[tag] = blob[offset : offset + length]
    if at != end:
        raise ModelError(f"{name}: {end - at} bytes after the last section belong to nothing")
    return sections


def _parse_meta(model: Model, name: str) -> dict[str, Any]:
    try:
        meta = json.loads(model.sections["META"])
    except KeyError:
        raise ModelError(f"{name}: has no META section") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: its META is not JSON") from error
    if not isinstance(meta, dict):
        raise ModelError(f"{name}: its META is not a JSON object")
    return meta
