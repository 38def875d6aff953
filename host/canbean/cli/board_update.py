"""`canbean board model | settings | key`: what changes a board that is in use."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from canbean.board import Board, settings, update
from canbean.board.port import line_of
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.logs import AsJson
from canbean.cli.next_verb import tell_next
from canbean.cli.output import json_line, note, progress, results
from canbean.cli.sign import ModelPath
from canbean.errors import BoardError, RefusedError, UsageError
from canbean.files import read_bytes
from canbean.tiny import cbm, keys

app = typer.Typer()

Port = Annotated[str, typer.Option("--port", metavar="PORT", help="Device or pyserial URL.")]


@app.command("model")
def model_(model: ModelPath, port: Port, key: BoardKey = None, as_json: AsJson = False) -> None:
    """Send a model to a board, into the slot that does not run; the board checks it, and starts anew with it.

    If it refuses the model when it starts, it goes back to the one before and says why: exit 1. Power may be cut at any
    time: the board then has the old or the new one. What is set on the board stays.
    """
    secret = secret_of(key)
    blob = read_bytes(model, "model file")
    cbm.unpack(blob, str(model), secret)
    with Board(port) as board, progress() as bar:
        before = board.hello.get("model")
        task = bar.add_task("model", total=len(blob))

        def send() -> None:
            update.send_model(
                board, blob, str(model), secret, progress=lambda got: bar.update(task, completed=got)
            )

        update.with_room(board, send, secret)
        now = settings.read(board)
        told = {
            "port": port,
            "model": str(model),
            "bytes": len(blob),
            "digest": cbm.digest(blob),
            "before": before,
            "after": board.hello["model"],
            "heap_free": board.hello["heap_free"],
            **{name: value for name, value in now.told().items() if name in {"slot", "settings"}},
        }
    if as_json:
        json_line(told)
        return
    results.print(
        f"{port}: runs {model}, digest {told['after']}; before it ran {before or 'none'}", markup=False
    )
    if now.lines:
        note("what is set on the board still holds: " + "; ".join(" ".join(line) for line in now.lines))
    tell_next(board.hello["app"], port)


@app.command("settings")
def settings_(
    port: Port,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="'NAME WORDS'", help="Such as 'bitrate 250000'; may be repeated."),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", metavar="'NAME [WORD]'", help="Such as 'allow 2C5', or allow for all of them."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Then start the board's application anew.")
    ] = False,
    key: BoardKey = None,
    as_json: AsJson = False,
) -> None:
    """What is set on a board beside its model, with the digest; changes are kept and hold at once.

    Of every board: slot (a.cbm, b.cbm, model.cbm, /rom/model.cbm: the model that runs from the next start). Those of another application than
    runs stay as they are and are marked.

    Of a gateway: threshold (sixteenths of a bit, added to every detector's), allow, deny, bitrate, listen, transmit, alertid.

    Of a roast meter: calibration (kept by 'roast calibrate'; --unset calibration forgets it), swap (1: the two LEDs in each other's
    place), led (current of the LEDs or gain, in the sensor's steps), stream (colortrack, or milliseconds between readings that come by themselves; --unset stream ends it), baud (bits a second
    of its line, 115200 if not set). After --set 'baud 9600' its port is PORT@9600 for every verb, and back again with
    --port PORT@9600 --unset baud.
    """
    secret = secret_of(key)
    commands = [settings.unsetting(words) for words in unset or ()]
    commands += [settings.setting(words) for words in set_ or ()]
    with Board(port) as board:
        before, wrong = settings.read(board), None
        try:
            _change(board, commands, secret)
            if restart:
                ran, remembered = board.hello.get("model"), update.left(board)
                update.restart(board, secret)
                update.runs_still(board, ran, remembered)
        except RefusedError as error:
            wrong = error
        now = settings.read(board) if commands or restart else before
        baud = dict(now.lines).get("baud")
    if baud is not None and any(command.startswith("set baud ") for command in commands):
        device, _ = line_of(port)
        note(
            f"a line of {baud} baud is {device}@{baud} from now on; back: canbean board settings --port {device}@{baud} --unset baud"
        )
    if "unset calibration" not in commands:
        _taken(port, dict(before.lines), dict(now.lines), key)
    if wrong is not None:
        raise wrong
    if as_json:
        json_line({"port": port, **now.told()})
        return
    show(port, now)


def _change(board: Board, commands: list[str], key: bytes | None) -> None:
    """Send every change, each kept for itself.

    Raises:
        BoardError: of one of them; it names those before it, which are kept, and those after it, which were not sent.
    """
    for at, command in enumerate(commands):
        try:
            update.with_room(board, partial(settings.change, board, command, key), key)
        except BoardError as error:
            kept, unsent = commands[:at], commands[at + 1 :]
            words = f"; what came before it is kept: {', '.join(kept)}" if kept else ""
            words += f"; not sent: {', '.join(unsent)}" if unsent else ""
            raise type(error)(f"{error}{words}") from error


def _taken(port: str, before: dict[str, str], now: dict[str, str], key: Path | None) -> None:
    """Say it where a change of the light has taken the calibration away, and how it comes back."""
    words = before.get("calibration")
    if words is None or "calibration" in now or before.get("led") == now.get("led"):
        return
    date, unit, *_ = words.split()
    keyed = f" --key {shlex.quote(str(key))}" if key else ""
    light = f"--set 'led {before['led']}'" if "led" in before else "--unset led"
    note(
        f"the calibration of {date} ({unit}) was made in another light and is gone: calibrate again: "
        f"canbean roast calibrate --port {port}{keyed}; or back to light and calibration of before: "
        f"canbean board settings --port {port}{keyed} {light} --set 'calibration {words}'"
    )


def show(port: str, now: settings.Settings) -> None:
    """A line for each setting, and what they make of the model."""
    for name, words in now.lines:
        left = "  (not used: of another application than runs here)" if name in now.unused else ""
        results.print(f"{name} {words}{left}", markup=False)
    if now.threshold_bits is not None:
        results.print(f"in use: a threshold of {now.threshold_bits:g} bits, {now.rules_in_use} rules")
    slot = now.slot or "model.cbm"
    results.print(
        f"{port}: model {slot}, settings changed {now.number} times, digest {now.digest or 'none'}",
        markup=False,
    )


@app.command("key")
def key_(
    port: Port,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="K", help="A file that is not there yet: the new key."),
    ] = None,
    key: BoardKey = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the key away.")] = False,
) -> None:
    """Give a board a key: from then on it takes models and settings only from who has it. Others can read.

    To change the key give the old one with --key. The new key goes over the line as it is: do this where nobody else listens.
    Its model must then be signed with it ('model sign') and sent again, or the board refuses it at its next start.
    """
    if (output is None) == (not remove):
        raise UsageError("give -o K for a new key, or --remove with --key")
    old = secret_of(key)
    with Board(port) as board:
        if output is None:
            update.set_key(board, None, old)
            note(f"{port}: the board has no key any more")
            return
        new = keys.new_key(output)
        try:
            update.set_key(board, new, old)
        except RefusedError:
            output.unlink()
            raise
        except BoardError as error:
            raise BoardError(f"{error}; it may have taken the key in {output}: keep that file") from error
        runs = board.hello.get("model")
    note(f"{port}: the board has the key in {output}; keep a copy, without it the board takes nothing new")
    # a key that was made just now has signed nothing yet
    refuses = "the board takes no other"
    if runs:
        refuses = f"the model that runs, {runs}, is not signed with it: the board refuses it at its next start, which a change of settings may need"
    name = shlex.quote(str(output))
    note(
        f"{refuses}; now: canbean model sign MODEL.cbm --key {name} -o signed.cbm && "
        f"canbean board model signed.cbm --port {port} --key {name}"
    )
