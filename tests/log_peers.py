"""What the readers, the decoder and the player are measured against: other libraries doing the same work on the same file."""

import csv
import time
from collections import deque

import can


def each(messages):
    """How many messages there are; none is kept, which favours the peer."""
    count = 0
    for count, _ in enumerate(messages, 1):  # noqa: B007
        pass
    return count


def log_reader(path):
    """python-can's reader of the file, chosen by its ending."""
    with can.LogReader(path) as reader:
        return each(reader)


def labelled_loop(path):
    """The `csv` module and a `can.Message` a row of labelled CSV."""
    with open(path, newline="") as file:  # noqa: PTH123
        rows = csv.reader(file)
        next(rows)
        return each(
            can.Message(
                timestamp=float(row[0]),
                arbitration_id=int(row[1], 16),
                is_extended_id=row[2] == "1",
                dlc=int(row[3]),
                data=bytes.fromhex(row[4]),
            )
            for row in rows
        )


def gvret_loop(path):
    """The `csv` module and a `can.Message` a row of GVRET csv."""
    with open(path, newline="") as file:  # noqa: PTH123
        rows = csv.reader(file)
        next(rows)
        return each(
            can.Message(
                timestamp=int(row[0]) / 1e6,
                arbitration_id=int(row[1], 16),
                is_extended_id=row[2] == "true",
                channel=int(row[4]),
                dlc=int(row[5]),
                data=bytes.fromhex("".join(row[6 : 6 + int(row[5])])),
            )
            for row in rows
        )


def own_csv(path, frames):
    """Write the frames in python-can's own dialect of CSV, which is made of base64."""
    with can.CSVWriter(path) as writer:
        for row in range(len(frames)):
            writer.on_message_received(
                can.Message(
                    timestamp=int(frames.t_us[row]) / 1e6,
                    arbitration_id=int(frames.id[row]),
                    is_extended_id=bool(frames.ext[row]),
                    dlc=int(frames.dlc[row]),
                    data=frames.data[row, : frames.dlc[row]].tobytes(),
                )
            )


def mdf_frames(path):
    """asammdf's table of the channels of `CAN_DataFrame`."""
    from asammdf import MDF

    names = ("ID", "DataLength", "DataBytes", "BusChannel", "IDE")
    with MDF(path) as file:
        table = file.to_dataframe(channels=[f"CAN_DataFrame.{name}" for name in names])
    return len(table)


def decoded(database, ids, payloads):
    """cantools' dictionaries of signals, message by message."""
    decode = database.decode_message
    return [decode(id_, data, decode_choices=False) for id_, data in zip(ids, payloads, strict=True)]


def player(path, bus, *, timed):
    """The loop of python-can's `can.player`, without its gaps where it is not timed."""
    with can.LogReader(path) as reader:
        for message in can.MessageSync(reader, timestamps=timed, gap=0.0):
            bus.send(message)


def seconds(work):
    """Seconds of the processor that it takes, which other programs hardly change, and what it gives."""
    begin = time.process_time()
    given = work()
    return time.process_time() - begin, given


def best_of(rounds, *works):
    """The least seconds of each of some works that run by turns, and what each gave."""
    took, given = [[] for _ in works], [None for _ in works]
    for _ in range(rounds):
        for which, work in enumerate(works):
            spent, given[which] = seconds(work)
            took[which].append(spent)
    return [min(times) for times in took], given


def heard(bus):
    """The messages that wait on a virtual bus."""
    got = deque()
    while (message := bus.recv(0)) is not None:
        got.append(message)
    return got
