"""What only the holder of a board's key may change, once it has one: its model, its settings, the key.

A file goes to the board in packets (`firmware/commands/put.py`), which reads it back before it is used. A board with a key
takes what changes something only behind `auth`: the first 16 bytes of HMAC-SHA256 (RFC 2104) over a nonce that it has just
given, a space and the command; a file's data need none, for the command holds their digest.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from canbean.board.awake import awake
from canbean.board.packets import packets
from canbean.errors import BoardError, ModelError, RefusedError
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canbean.board.link import Board, Record

Result = TypeVar("Result")

PUT = 3
"""Type of the packets of a file."""
PART = 56
"""Bytes of a file in one of them."""
WINDOW = 4 * PART
"""Bytes after which the board says what it has."""
QUIET_S = 0.5
"""A board that says nothing for so long has missed a packet, or its answer was lost."""
GIVE_UP_S = 10.0
NONE = "none"


def mac(key: bytes, nonce: str, command: str) -> str:
    """What `auth` asks for: 32 hexadecimal digits.

    Args:
        key: the board's, 32 bytes.
        nonce: as the board said it.
        command: the command, its words with one space between.
    """
    return hmac.new(key, f"{nonce} {command}".encode("ascii"), hashlib.sha256).hexdigest()[:32]


def ask(board: Board, command: str, kind: str, key: bytes | None = None, timeout: float = 5.0) -> Record:
    """Send a command, authenticated where a key is given, and wait for the first line of type `kind`.

    Raises:
        BoardError: the board says an error instead, does not answer in time, or is gone.
    """
    return board.ask(authenticated(board, command, key), kind, timeout)


def authenticated(board: Board, command: str, key: bytes | None) -> str:
    """The command behind `auth`, for the nonce that the board gives now; as it is where no key is given or the board has none.

    Raises:
        BoardError: the board gives no nonce.
    """
    if key is None:
        return command
    return sealed(command, key, board.ask("challenge", "challenge").values["nonce"])


def sealed(command: str, key: bytes, nonce: str | None) -> str:
    """The command behind `auth` for a nonce; as it is where that is None: the board has no key."""
    return command if nonce is None else f"auth {mac(key, nonce, command)} {command}"


def put(
    board: Board,
    what: str,
    content: bytes,
    key: bytes | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Send a file; when this returns the board has read it back and uses it.

    Args:
        board: an opened board.
        what: `model` or `settings`.
        content: the file.
        key: the board's, where it has one.
        progress: called with the bytes that the board has.

    Raises:
        BoardError: the board refuses it, falls silent or goes away.
    """
    digest = hashlib.sha256(content).hexdigest()
    if ask(board, f"put {what} {len(content)} {digest}", "put", key).values["done"]:
        # its ROMFS holds that very model
        return
    got, heard = 0, awake()
    while True:
        end = min((got // WINDOW + 1) * WINDOW, len(content))
        board.write(b"".join(part(content, at) for at in range(got, end, PART)))
        quiet = awake() + QUIET_S
        answered = False
        while not answered and awake() < quiet:
            for record in board.read():
                if record.values["type"] == "error":
                    raise BoardError(f"{board.port}: the board refuses the {what}: {board.refusal}")
                if record.values["type"] == "hello" and what == "model":
                    # the last answer was lost: the board has started anew
                    return
                if record.values["type"] == "put":
                    if record.values["done"]:
                        return
                    got, heard, answered = int(record.values["got"]), awake(), True
        if answered and progress is not None:
            progress(got)
        if awake() - heard > GIVE_UP_S:
            raise BoardError(f"{board.port}: the board took {got} of {len(content)} bytes, then fell silent")


def part(content: bytes, at: int) -> bytes:
    """The packet with the bytes of a file from `at` on."""
    piece = bytes([PUT]) + at.to_bytes(3, "little") + content[at : at + PART]
    return packets(np.frombuffer(piece, np.uint8)[:, None]).tobytes()


def send_model(
    board: Board,
    blob: bytes,
    name: str,
    key: bytes | None = None,
    *,
    timeout: float = 30.0,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Put a model onto a board and wait until the board runs it.

    Args:
        board: an opened board; its `hello` is then the one of the new start.
        blob: the model file.
        name: what error messages call it.
        key: the board's, where it has one: the model must be signed with it.
        timeout: seconds that the new start may take.
        progress: called with the bytes that the board has.

    Raises:
        ModelError: the model is damaged, for another application, or not signed with the key.
        BoardError: the board refuses it (and then runs the one that it had), falls silent or goes away.
    """
    found = cbm.unpack(blob, name, key)
    app, runs = found.read_meta(name).get("app"), board.hello.get("app")
    if runs not in {app, "safe"}:
        raise ModelError(f"{name}: is a model for {app!r}, and the board runs {runs!r}")
    before = board.lines.boot
    put(board, "model", blob, key, progress)
    board.refusal = None
    greeting(board, before, timeout)
    wanted = cbm.digest(blob)[:16]
    if board.hello.get("model") != wanted:
        has = board.hello.get("model") or "none"
        # what it says at its start may be about the model that runs now
        _, reason = refused(left(board) or board.refusal or "it does not say why")
        raise BoardError(f"{board.port}: the board refuses {name}: {reason}; its model is {has}")


def refused(reason: str) -> tuple[str | None, str]:
    """The slot of a model that a board has refused and left, and why (`firmware/commands/refused.py`); what else it says is of no slot."""
    slot, colon, why = reason.partition(": ")
    return (slot, why) if colon and slot.endswith(".cbm") and " " not in slot else (None, reason)


def left(board: Board, timeout: float = 5.0) -> str | None:
    """Slot and reason of the model that a board has refused and left, as its settings remember it; None where they do not.

    Raises:
        BoardError: the board is gone.
    """
    found = None
    for said in told(board, timeout):
        if said["type"] == "setting" and said["name"] == "refused":
            found = str(said["words"])
    return found


def told(board: Board, timeout: float) -> Iterator[dict[str, Any]]:
    """What a board says when it is asked for its settings: a `setting` each, then `settings` or `error`, if that comes in time.

    Raises:
        BoardError: the board is gone.
    """
    board.command("settings")
    end = awake() + timeout
    while awake() < end:
        for record in board.read():
            if record.values["type"] == "setting":
                yield record.values
            elif record.values["type"] in {"settings", "error"}:
                yield record.values
                return


def runs_still(board: Board, ran: str | None, remembered: str | None) -> None:
    """See that a board which has started anew did not refuse the model that was to run.

    Args:
        board: after the new start.
        ran: digest of the model that ran before, None where none did.
        remembered: what `left` gave before: the board goes on saying it.

    Raises:
        RefusedError: it ran a model and runs none now, or has left the one that was to run.
    """
    if ran is None:
        return
    now = board.hello.get("model")
    said = (now and left(board)) or board.refusal or "it does not say why"
    slot, reason = refused(said)
    if now is None:
        send = f"canbean board model M.cbm --port {board.port}"
        if "signed" in reason:
            sign = "canbean model sign M.cbm --key FILE -o signed.cbm"
            send = f"{sign} && canbean board model signed.cbm --port {board.port} --key FILE"
        raise RefusedError(
            f"{board.port}: done, but the board started anew and refuses the model that it ran: {said}; now: {send}"
        )
    if slot is not None and said != remembered:
        raise RefusedError(f"{board.port}: done, but the board refuses {slot}: {reason}; its model is {now}")


def greeting(board: Board, before: str, timeout: float = 30.0) -> None:
    """Wait for the hello of a new start.

    Args:
        board: an opened board.
        before: boot id of the start before.
        timeout: seconds.

    Raises:
        BoardError: it says an error instead, there is none in time, or the board is gone.
    """
    end = awake() + timeout
    asked = awake() + 2.0
    while awake() < end:
        for record in board.read():
            if record.values["type"] == "hello" and record.values["boot"] != before:
                return
            if record.values["type"] == "error" and record.values["boot"] == before:
                raise board.refused("restart")
        if awake() > asked:
            board.command("hello")
            asked = awake() + 2.0
    raise BoardError(
        f"{board.port}: the board did not start again within {timeout:g} s: switch it off and on"
    )


def restart(board: Board, key: bytes | None = None, *, safe: bool = False) -> None:
    """Start the board's application anew, or (`safe`) the serial line alone.

    Raises:
        BoardError: it has a key and this is not it, or it does not come back.
    """
    before = board.lines.boot
    board.command(authenticated(board, "restart safe" if safe else "restart", key))
    board.refusal = None
    greeting(board, before)


def with_room(board: Board, work: Callable[[], Result], key: bytes | None = None) -> Result:
    """Do what needs more heap than the board has left while it watches: in safe mode then, and start it anew.

    Raises:
        BoardError: whatever `work` raises for another reason; the model that ran is refused at the new start.
    """
    ran = board.hello.get("model")
    try:
        return work()
    except BoardError as error:
        if "memory allocation failed" not in str(error):
            raise
    remembered = left(board)
    restart(board, key, safe=True)
    done = work()
    if board.hello.get("app") == "safe":
        restart(board, key)
        runs_still(board, ran, remembered)
    return done


def set_key(board: Board, new: bytes | None, old: bytes | None = None) -> None:
    """Give a board a key, change it, or (None) take it away.

    Raises:
        BoardError: it has another one, does not answer, or is gone.
    """
    ask(board, f"key {NONE if new is None else new.hex()}", "key", old)
