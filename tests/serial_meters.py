"""Meters that answer on a TCP port, which pyserial opens as `socket://`: a roast meter of ours, and professional ones."""

import contextlib
import json
import socket
import threading
import zlib

HELLO = {"app": "roastmeter", "firmware": "0.1.0", "board": "stand-in", "golden": "ok", "unit": "kitchen"}
READING = {
    "t": 12.5,
    "value": 78.3,
    "low": 75.1,
    "high": 81.5,
    "degree": "Medium Light",
    "quality": "ok",
    "stale": False,
    "raw": [8123, 27456, 2725],
    "counts": [31000, 81000],
    "celsius": 27.25,
}
EMPTY = {**READING, "value": None, "low": None, "high": None, "degree": None, "quality": "empty"}


class _Port:
    """Takes one connection after the other; `unplug` lets it go and takes none, until `plug`."""

    def __init__(self):
        self._connection = None
        self._stop = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.number = self._socket.getsockname()[1]
        self.port = f"socket://127.0.0.1:{self.number}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop:
            try:
                self._connection, _ = self._socket.accept()
            except OSError:
                return
            self.opened()
            rest = b""
            while True:
                try:
                    data = self._connection.recv(4096)
                except OSError:
                    break
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.take(line.strip(b"\0\r ").decode())
            self._connection.close()

    def opened(self):
        pass

    def take(self, line):
        pass

    def write(self, data):
        with contextlib.suppress(OSError):
            self._connection.sendall(data)

    def unplug(self):
        # accept() on another thread would go on, so the listener is closed by a shutdown
        for one in (self._socket, self._connection):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._thread.join(5)

    def plug(self):
        self._socket = socket.create_server(("127.0.0.1", self.number))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop = True
        self.unplug()


class Meter(_Port):
    """Answers `hello`, `time`, `settings` and `read`; what it reads is `reading`, and a list is read one after the other."""

    def __init__(self, reading=READING, hello=HELLO, *, noisy=True, calibration=None, key=False):
        self.calibration = calibration
        self.key = key
        self.reading = reading
        self.hello = hello
        self.noisy = noisy
        self.asked = 0
        self._seq = 0
        super().__init__()

    def say(self, kind, **values):
        head = json.dumps(
            {"type": kind, "boot": "0badcafe", "seq": self._seq, **values}, separators=(",", ":")
        )
        self._seq += 1
        body = head[:-1].encode()
        self.write(body + b',"crc":"%08x"}\n' % zlib.crc32(body))

    def take(self, line):
        if line == "hello":
            self.say("hello", **self.hello)
        elif line.startswith("time "):
            if self.key:
                self.say("error", reason="needs the key: auth", errors=1)
            else:
                self.say("status")
        elif line == "settings":
            if self.calibration:
                self.say("setting", name="calibration", words=self.calibration)
            self.say("settings", number=1, count=1, digest=None, slot=None, threshold=None, rules=None)
        elif line == "read":
            self.asked += 1
            reading = self.reading
            if isinstance(reading, list):
                reading = reading[min(self.asked, len(reading)) - 1]
            if isinstance(reading, str):
                self.say("error", reason=reading, errors=1)
                return
            if self.noisy and reading.get("counts"):
                reading = {**reading, "counts": [n + self.asked for n in reading["counts"]]}
            self.say("reading", **reading)


class Button(_Port):
    """A professional meter that sends a line when its button is pressed."""

    def press(self, line):
        self.write(line + b"\r\n")


class Tonino(_Port):
    """Speaks the Tonino protocol; `heard` is what it was told."""

    def __init__(self, answer=b"SCAN:87\n"):
        self.answer = answer
        self.heard = []
        super().__init__()

    def take(self, line):
        self.heard.append(line)
        if line == "TONINO":
            self.write(b"TONINO:0,1,4\n")
        elif line == "SCAN":
            self.write(self.answer)
