"""A small MQTT 3.1.1 broker (OASIS standard of 2014): enough for tests to see what a client publishes.

Quality of service 0 and 1, retained messages, wills, filters with + and #, and a user with a password. Whoever it does not
understand is cut off (4.8). A client's keep alive is not watched.
"""

import contextlib
import socket
import struct
import threading
import time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, body=b"", flags=0):
    length, rest = b"", len(body)
    while True:
        rest, low = rest >> 7, rest & 127
        length += bytes([low | (128 if rest else 0)])
        if not rest:
            return bytes([kind << 4 | flags]) + length + body


def matches(pattern, topic):
    """Whether a topic filter takes a topic (4.7)."""
    levels, names = pattern.split("/"), topic.split("/")
    for i, level in enumerate(levels):
        if level == "#":
            return True
        if i >= len(names) or level not in {"+", names[i]}:
            return False
    return len(levels) == len(names)


class Fields:
    """The fields of a packet's body, in order."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, n):
        if self.at + n > len(self.body):
            raise ValueError("a packet that ends too early")
        self.at += n
        return self.body[self.at - n : self.at]

    def octet(self):
        return self.take(1)[0]

    def number(self):
        return struct.unpack(">H", self.take(2))[0]

    def data(self):
        return self.take(self.number())

    def rest(self):
        return self.take(len(self.body) - self.at)


class Broker:
    """Listens on a port of this machine until the block ends.

    Attributes:
        port: of its TCP.
        seen: (topic, payload, quality of service, retain) of every message, wills included.
        retained: payload by topic.
        clients: names of those connected, in the order they came.
    """

    def __init__(self, user=None, password=None, port=0):
        self.login = (user, password)
        self.seen, self.retained, self.clients = [], {}, []
        self.changed = threading.Condition()
        self.open = {}
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        self.threads = [threading.Thread(target=self.listen, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        # a thread that waits in accept() is only woken so
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.cut()
        for thread in self.threads:
            thread.join(5)

    def cut(self):
        """End every connection, as a cable does."""
        for client in list(self.open):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def wait(self, condition, seconds=60.0):
        """Wait until `condition()` holds; whether it does."""
        end = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                # what a client has received is told to nobody: look again soon
                self.changed.wait(min(left, 0.05))
        return True

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                thread = threading.Thread(target=self.serve, args=(client,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def serve(self, client):
        will = None
        with client, client.makefile("rb") as stream:
            self.open[client] = []
            try:
                while will != (None,):
                    will = self.handle(client, *self.packet(stream), will)
            except (OSError, ValueError, UnicodeError):
                pass
            finally:
                del self.open[client]
        if will and will[0]:
            self.spread(*will)

    def packet(self, stream):
        head = stream.read(1)
        if not head:
            raise OSError("gone")
        length = shift = 0
        while True:
            octet = stream.read(1)
            if not octet or shift > 21:
                raise OSError("gone, or no length")
            length |= (octet[0] & 127) << shift
            shift += 7
            if not octet[0] & 128:
                break
        body = stream.read(length)
        if len(body) < length:
            raise OSError("gone")
        return head[0] >> 4, head[0] & 15, Fields(body)

    def handle(self, client, kind, flags, body, will):
        if (kind == CONNECT) is not (will is None):
            raise ValueError("CONNECT comes first, and once (3.1)")
        if kind == CONNECT:
            return self.connect(client, body)
        if kind == PUBLISH:
            qos = flags >> 1 & 3
            topic = body.data().decode()
            name = body.take(2) if qos else b""
            if qos > 1 or not topic or set(topic) & set("+#\0"):
                raise ValueError("no quality of service 2 here, and no wildcards in a topic")
            self.spread(topic, body.rest(), qos, bool(flags & 1))
            if qos:
                client.sendall(packet(PUBACK, name))
        elif kind == SUBSCRIBE:
            name, granted = body.take(2), b""
            wanted = []
            while body.at < len(body.body):
                wanted.append(body.data().decode())
                granted += bytes([min(body.octet(), 1)])
            client.sendall(packet(SUBACK, name + granted))
            for pattern in wanted:
                self.open[client].append(pattern)
                for topic, payload in list(self.retained.items()):
                    if matches(pattern, topic):
                        client.sendall(packet(PUBLISH, text(topic) + payload, 1))
        elif kind == PINGREQ:
            client.sendall(packet(PINGRESP))
        elif kind == DISCONNECT:
            # the will is forgotten (3.14)
            return (None,)
        elif kind != PUBACK:
            raise ValueError(f"packet of type {kind}")
        return will

    def connect(self, client, body):
        protocol, level, flags = body.data(), body.octet(), body.octet()
        body.number()
        if protocol != b"MQTT" or flags & 1:
            raise ValueError("another protocol")
        if level != 4:
            client.sendall(packet(CONNACK, b"\0\1"))
            raise ValueError("another version")
        name = body.data().decode()
        will = ("",)
        if flags & 4:
            will = (body.data().decode(), body.data(), flags >> 3 & 3, bool(flags & 32))
        user = body.data().decode() if flags & 128 else None
        password = body.data().decode() if flags & 64 else None
        if (user, password) != self.login:
            client.sendall(packet(CONNACK, b"\0\5"))
            raise ValueError("not authorized")
        client.sendall(packet(CONNACK, b"\0\0"))
        with self.changed:
            self.clients.append(name)
            self.changed.notify_all()
        return will

    def spread(self, topic, payload, qos, retain):
        if retain:
            if payload:
                self.retained[topic] = payload
            else:
                self.retained.pop(topic, None)
        for other, patterns in list(self.open.items()):
            if any(matches(pattern, topic) for pattern in patterns):
                # 3.3.1-9: to those who listened already the flag is not set
                with contextlib.suppress(OSError):
                    other.sendall(packet(PUBLISH, text(topic) + payload))
        with self.changed:
            self.seen.append((topic, payload, qos, retain))
            self.changed.notify_all()
