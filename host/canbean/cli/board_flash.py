"""`canbean board flash` and `board shell`: from a bare board to an application that runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.board import profiles
from canbean.board.flash import STEPS, Flash, Job, found, images, job, ports
from canbean.board.flash.prompt import prompt
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.logs import AsJson
from canbean.cli.next_verb import tell_next
from canbean.cli.output import json_line, note, progress, results, words
from canbean.errors import BoardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from canbean.board.flash.ports import Port
    from canbean.board.profiles import Profile

app = typer.Typer()


class Only(StrEnum):
    """The steps of `canbean.board.flash.STEPS`."""

    image = "image"
    firmware = "firmware"
    model = "model"


BAUD = 115200

INTERRUPTED = {
    "image": "the board may start nothing until it has its image",
    "firmware": "the board starts nothing until its firmware is whole",
    "model": "the board runs the model that it ran, if any",
}
"""In which state a step leaves a board that it did not end on."""


@app.command("flash")
def flash(
    board: Annotated[
        str,
        typer.Option("-b", "--board", metavar="B", help="A board of 'canbean board list': wemos-d1-mini."),
    ],
    model: Annotated[
        Path | None, typer.Option("-m", "--model", metavar="M.cbm", help="The model that it gets.")
    ] = None,
    application: Annotated[
        str | None,
        typer.Option("--app", metavar="A", help="The application; that of the model if not given."),
    ] = None,
    port: Annotated[
        str | None,
        typer.Option("-p", "--port", metavar="P", help="Its serial port; found by its USB id if not given."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", metavar="F", help="The MicroPython image to write.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the newest image (mpflash); the only use of a network.")
    ] = False,
    only: Annotated[Only | None, typer.Option("--only", help="Take this step alone.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each step would do, and change nothing.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all of the flash first, key and settings with it.")
    ] = False,
    baud: Annotated[
        int, typer.Option(min=9600, max=3_000_000, help="Bits per second while the image is written.")
    ] = 460_800,
    romfs: Annotated[
        bool | None,
        typer.Option(
            "--romfs/--no-romfs",
            help="Firmware into the ROMFS, from where it runs with less heap, or as files; ROMFS where there is one if not given.",
        ),
    ] = None,
    key: BoardKey = None,
    as_json: AsJson = False,
) -> None:
    """Put MicroPython, the firmware and a model onto a board, and wait until they run.

    What is there already is skipped, and what was interrupted is taken up again by the same command. A key, settings and a
    calibration that are on the board stay, but for --erase.
    """
    profile = profiles.profile(board)
    steps = STEPS if only is None else (only.value,)
    if erase and "image" not in steps:
        raise UsageError("--erase takes the image too: leave out --only, or give --only image")
    if fetch and image is not None:
        raise UsageError("give --image or --fetch, not both")
    secret = secret_of(key)
    checked = job.check(profile, steps, application, model, secret, romfs=romfs)
    if checked.needs_romfs:
        note(f"{model}: fits the heap of a {profile.name} from a ROMFS alone: firmware and model go there")
    name = images.name(profile, romfs=romfs or checked.needs_romfs)
    chosen = images.read(image, profile) if image is not None else None
    where = port or ports.choose(profile, _ask if sys.stdin.isatty() else None)
    if fetch and not dry_run:
        note(f"fetching the newest {name}")
        chosen = images.fetch(profile, name)
    elif chosen is None and only is Only.image and not fetch:
        chosen = images.cached(profile, name)
        if chosen is None:
            raise images.missing(profile, name, _typed())
    ports.check_free(where)
    wanted = Job(
        profile,
        where,
        steps,
        **checked._asdict(),
        model=model,
        image=chosen,
        key=secret,
        erase=erase,
        baud=baud,
        romfs=romfs,
        fetch=fetch,
    )
    with _showing() as show:
        work = Flash(wanted, _typed(), show)
        if dry_run:
            outcomes = work.plan()
        else:
            outcomes = []
            for step in steps:
                try:
                    outcomes.append(work.take(step))
                except KeyboardInterrupt:
                    note(f"interrupted in the step {step}: {INTERRUPTED[step]}: run the same command again")
                    raise
                if not as_json:
                    note(f"{step:9} {outcomes[-1].words}")
    if as_json:
        said = [{"step": one.step, "done": one.done, "words": one.words} for one in outcomes]
        json_line({"steps": said, "dry_run": dry_run, **({} if dry_run else work.told())})
        return
    if dry_run:
        for one in outcomes:
            results.print(f"{one.step:9} {one.words}", markup=False)
        note("nothing was changed")
    elif steps != ("image",):
        _tell(work, profile, where)


def _tell(work: Flash, profile: Profile, where: str) -> None:
    told = work.told()
    free = told["heap_free"]
    heap = "" if free is None else f", {free:,} bytes of heap free"
    if told["golden"] == "ok":
        results.print(
            f"{where}: {told['app']} on {told['board']} runs model {told['model']}; golden vectors answered on the board{heap}",
            markup=False,
        )
        if told["reason"]:
            note(f"the board says: {told['reason']}")
    else:
        results.print(
            f"{where}: {told['app']} on {told['board']} runs no model: {told['reason']}{heap}", markup=False
        )
    if told["board"] != profile.name:
        note(f"the board calls itself {told['board']}")
    tell_next(told["app"], where)


@app.command("shell")
def shell(
    board: Annotated[str | None, typer.Option("-b", "--board", metavar="B", help="To find its port.")] = None,
    port: Annotated[str | None, typer.Option("-p", "--port", metavar="P", help="Its serial port.")] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND...]", help="Of mpremote: fs ls, rm NAME, exec CODE."),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the application that runs there, until the next reset.")
    ] = False,
    key: BoardKey = None,
) -> None:
    """MicroPython's prompt on a board (mpremote; ctrl-X leaves), or one of mpremote's commands.

    An application that runs has the line, and has to be stopped first.
    """
    secret = secret_of(key)
    if port is None:
        if board is None:
            raise UsageError("name the board with --board, or its port with --port")
        port = ports.choose(profiles.profile(board), _ask if sys.stdin.isatty() else None)
    ports.check_free(port)
    runs = found.ask(port, BAUD)
    if runs.hello:
        if not stop:
            raise BoardError(
                f"{port}: {runs.hello['app']} runs there and has the line: --stop ends it until the next reset"
            )
        prompt(port, BAUD, runs, secret).close()
        note(f"{runs.hello['app']} is stopped; 'canbean board shell --port {port} reset' starts it again")
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, "resume", *(arguments or ["repl"])], check=False
    )
    if done.returncode:
        raise BoardError(f"{port}: mpremote ended with code {done.returncode}")


def _typed() -> str:
    """The command without image, as it was typed."""
    return "canbean " + shlex.join(sys.argv[1:])


def _ask(there: Sequence[Port]) -> Port:
    for at, one in enumerate(there, 1):
        words.print(f"{at}  {one.device}  {one.usb_id}  {one.text}", markup=False)
    number: int = typer.prompt("which one", type=int, err=True)
    if not 1 <= number <= len(there):
        raise UsageError(f"there are {len(there)} ports: name one with --port")
    return there[number - 1]


@contextmanager
def _showing() -> Iterator[Callable[[str, float], None]]:
    with progress() as bar:
        tasks = {}

        def show(step: str, share: float) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=100)
            bar.update(tasks[step], completed=round(share * 100))

        yield show
