"""The DBC of the simulated vehicle."""

from __future__ import annotations

from canbean.can.vehicle import ECUS, MESSAGES, Message, Signal


def _signal(signal: Signal) -> str:
    """One `SG_` line."""
    low, high = (
        (-(1 << signal.length - 1), (1 << signal.length - 1) - 1)
        if signal.signed
        else (0, (1 << signal.length) - 1)
    )
    ends = f"{low * signal.scale + signal.offset:.10g}|{high * signal.scale + signal.offset:.10g}"
    place = f"{signal.start}|{signal.length}@1{'-' if signal.signed else '+'}"
    return f' SG_ {signal.name} : {place} ({signal.scale:g},{signal.offset:g}) [{ends}] "{signal.unit}" Vector__XXX'


def _message(message: Message) -> str:
    """One `BO_` block."""
    signals = list(message.signals)
    if message.counter is not None:
        signals.append(Signal(f"{message.name}Counter", message.counter, 4))
    if message.checksum:
        signals.append(Signal(f"{message.name}Checksum", 8 * message.dlc - 8, 8))
    head = f"BO_ {message.id} {message.name}: {message.dlc} {message.ecu}"
    return "\n".join([head, *map(_signal, signals)])


def dbc_text() -> str:
    """A DBC that decodes the frames of the simulated vehicle."""
    head = ['VERSION "simulated"', "NS_ :", "BS_:", "BU_: " + " ".join(ecu.name for ecu in ECUS)]
    comment = 'CM_ "A simulated vehicle; no real one has this layout.";'
    return "\n\n".join([*head, *map(_message, MESSAGES), comment]) + "\n"
