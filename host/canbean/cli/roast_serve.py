"""`canbean roast serve`: the meter on a local web page."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.board.reference_meter import ReferenceMeter
from canbean.board.roastmeter import Link, follow
from canbean.cli.output import note, results
from canbean.cli.roast_meter import Meter, told
from canbean.cli.roast_mqtt import MqttUrl, publishing
from canbean.cli.roast_options import ReferenceBaud, ReferenceFormat, ReferencePort
from canbean.cli.roast_pair import Counts, Names, ScaleName, Tamps, Target, Unit
from canbean.errors import BoardError, UsageError
from canbean.roast import reading, scale
from canbean.roast.pair_book import Book
from canbean.roast.pair_questions import summary
from canbean.roast.pair_simulated import Bench
from canbean.roast.pairing import TAMPS, TARGET, Session
from canbean.web.live import Live, State
from canbean.web.server import Server, own_address
from canbean.web.wizard import Wizard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from canbean.roast.reading import Channel, Reading

ANYWHERE = "0.0.0.0"  # noqa: S104 - what --lan asks for


def serve(
    port: Annotated[str | None, typer.Option("--port", metavar="P", help="Of the meter.")] = None,
    http: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8180,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    lan: Annotated[
        bool, typer.Option("--lan", help="Serve on the network, so that a phone can open the page.")
    ] = False,
    pairs: Annotated[
        Path | None, typer.Option(metavar="PAIRS.csv", help="Pair on the page, into this file.")
    ] = None,
    scale_name: ScaleName = "0:180",
    unit: Unit = None,
    target: Target = TARGET,
    tamps: Tamps = TAMPS,
    counts: Counts = False,
    channels: Names = None,
    reference_port: ReferencePort = None,
    reference_format: ReferenceFormat = "plain",
    reference_baud: ReferenceBaud = None,
    every: Annotated[float, typer.Option(min=0.1, max=3600, metavar="S", help="Between readings.")] = 1.0,
    mqtt: MqttUrl = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="A simulated meter: no hardware.")] = False,
) -> None:
    """Show the meter on a web page: large value, history, spread, and pairing with a professional meter.

    Only this machine can open it, unless --lan is given.
    """
    if simulate and port is not None:
        raise UsageError("give --port P of a meter or --simulate, not both")
    if not simulate and port is None:
        raise UsageError("give --port P of a meter, or --simulate")
    if lan and host != "127.0.0.1":
        raise UsageError("give --lan or --host, not both")
    if reference_port is not None and (pairs is None or simulate):
        raise UsageError("--reference-port: for pairing (--pairs PAIRS.csv) with a meter on --port")
    span = scale.parse(scale_name).span
    if pairs is None and (scale_name, unit, target, tamps, channels) != ("0:180", None, TARGET, TAMPS, None):
        raise UsageError(
            "--scale, --unit, --target, --tamps and --channels: for pairing, give --pairs PAIRS.csv too"
        )
    if simulate and unit is not None:
        raise UsageError("--unit: a simulated meter has its own name: leave it out")
    book = None if pairs is None else Book(pairs, span)
    hello: dict[str, object] = {}
    bench = Bench(book=book, calibrated=not counts) if simulate else None
    address = ANYWHERE if lan else host
    token = None if address in {"127.0.0.1", "localhost", "::1"} else secrets.token_urlsafe(12)
    with ExitStack() as stack:
        session = meter = other = None
        if book is not None:
            if bench is None:
                with Meter(str(port), counts=counts, names=channels) as meter:
                    columns, named = meter.columns(), meter.named(unit)
                if reference_port is not None:
                    other = stack.enter_context(
                        ReferenceMeter(reference_port, reference_format, reference_baud)
                    )
            name = bench.unit if bench else named
            book.expect(bench.columns if bench else columns, name)
            for text in book.notices:
                note(text)
            session = Session(book, name, tamps, target)
        live = Live(_simulated(bench) if bench else _metered(str(port), hello), every, note)
        stack.callback(live.close)
        live.start()
        simulated = simulate or reading.simulated(hello)
        if mqtt is not None:
            name = "Simulated roast meter" if simulated else "Roast meter"
            publisher = stack.enter_context(publishing(mqtt, hello, name))
            # before the publisher is closed, nobody calls it any more
            stack.callback(live.listeners.clear)
            live.listeners.append(lambda found: publisher(found.as_json()))
        wizard = None
        if session is not None:
            wizard = Wizard(session, _measure(live, bench, session, meter), other)
        about = {"title": "Roast meter", "simulated": simulated}
        server = Server((address, http), live, about=about, wizard=wizard, token=token)
        stack.callback(server.server_close)
        _say_where(server, lan=lan, host=host, token=token)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            results.print()
    if book is not None:
        note(f"{book.path}: {summary(book)}")


def _say_where(server: Server, *, lan: bool, host: str, token: str | None) -> None:
    secret = "" if token is None else f"#token={token}"
    shown = own_address() if lan else host
    results.print(f"http://{f'[{shown}]' if ':' in shown else shown}:{server.port}/{secret}", markup=False)
    if token is not None:
        note(
            "Everybody on this network can open the page and look, unencrypted; pairing on it needs the token of this "
            "address: give the address only to who may. Ctrl-C ends."
        )
    else:
        note("Only this machine can open it; --lan lets a phone. Ctrl-C ends.")
    results.file.flush()


def _metered(port: str, hello: dict[str, object]) -> Callable[[Live], Iterator[Reading | State]]:
    """Readings of the meter on a port; fills in what it said of itself."""

    def source(live: Live) -> Iterator[Reading | State]:
        for event in follow(port, live.sleep, retry=live.wait, anew=live.anew):
            if isinstance(event, Link):
                hello.update(event.hello)
                yield State(event.there, event.words)
            else:
                yield told(event.values, port, hello)

    return source


def _simulated(bench: Bench) -> Callable[[Live], Iterator[Reading | State]]:
    def source(live: Live) -> Iterator[Reading | State]:
        yield State(there=True, words="a simulated meter")
        while True:
            live.anew()
            yield bench.reading()
            if live.sleep():
                return

    return source


def _measure(
    live: Live, bench: Bench | None, session: Session, meter: Meter | None
) -> Callable[[], Sequence[Channel]]:
    """How the page reads a cup; `meter` knows what the board's readings are."""

    def measure() -> Sequence[Channel]:
        if bench is None:
            assert meter is not None
            return meter.channels(live.fresh())
        if session.cup is None:
            raise BoardError("there is no cup to read")
        return bench.measure(session.cup.lot)

    return measure
