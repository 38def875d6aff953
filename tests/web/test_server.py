"""The server: what it gives, whom it refuses."""

import http.client
import json
import re
import socket
import threading
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.errors import BoardError
from canbean.roast.reading import parse
from canbean.web.live import Live, State
from canbean.web.server import PAGE, Server, own_names
from canbean.web.wizard import Wizard
from pair_cases import begun, cup
from serial_meters import READING

JSON = {"Content-Type": "application/json"}


def source(live):
    yield State(there=True, words="the meter is there")
    yield parse(READING)
    while not live.wait(60):
        pass


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Servers with a pairing session; `start(token)` -> server."""
    open_ones = []

    def begin(token=None, *, pairing=True):
        live = Live(source)
        live.start()
        session = begun(tmp_path_factory.mktemp("pairs") / "p.csv")
        wizard = Wizard(session, lambda: cup(40)) if pairing else None
        about = {"title": "Roast meter", "simulated": False}
        server = Server(("127.0.0.1", 0), live, about=about, wizard=wizard, token=token)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        open_ones.append((server, live))
        return server

    yield begin
    for server, live in open_ones:
        live.close()
        server.shutdown()
        server.server_close()


@pytest.fixture
def plain(start):
    return start()


def ask(server, method, path, body=None, **headers):
    """Status, headers, body."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path, body, headers)
    response = link.getresponse()
    found = response.status, dict(response.getheaders()), response.read()
    link.close()
    return found


def answer(server, turn, text, **headers):
    status, _, body = ask(
        server, "POST", "/api/answer", json.dumps({"turn": turn, "answer": text}), **JSON, **headers
    )
    return status, json.loads(body)


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(plain):
    for path in [*PAGE, "/colours.css"]:
        status, headers, body = ask(plain, "GET", path)
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        text = body.decode()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path
    page = ask(plain, "GET", "/")[2].decode()
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {f"/{name}" for name in asked} <= {*PAGE, "/colours.css"}
    # nothing that the policy would refuse
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in re.sub(r">[^<]*<", "><", page).replace(" one", "")


def test_data_is_never_read_as_markup():
    folder = files("canbean.web").joinpath("page")
    for name, _ in PAGE.values():
        text = folder.joinpath(name).read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert forbidden not in text, name


def test_state_tells_all(plain):
    status, _, body = ask(plain, "GET", "/api/state")
    told = json.loads(body)
    assert status == 200
    assert told["state"] == {"there": True, "words": "the meter is there"}
    assert told["readings"][-1]["value"] == 78.3
    assert told["pairing"]["step"] == "cup"
    assert (told["guarded"], told["may"]) == (False, True)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "192.168.1.7:8180", "[::1]:8180", "LOCALHOST"])
def test_it_is_known_by_its_addresses(plain, host):
    assert ask(plain, "GET", "/api/state", Host=host)[0] == 200


def test_it_is_known_by_its_own_name(plain):
    for name in own_names():
        assert plain.known(f"{name}:8180")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8180", "localhost.evil.example", "", "[", "a@127.0.0.1.x"],
)
def test_a_name_that_points_here_is_refused(plain, host):
    for method, path in (
        ("GET", "/"),
        ("GET", "/api/state"),
        ("GET", "/api/events"),
        ("POST", "/api/answer"),
    ):
        status, _, body = ask(plain, method, path, "{}" if method == "POST" else None, Host=host, **JSON)
        assert status == 421
        assert b"78.3" not in body


def test_another_page_cannot_answer(plain):
    host = f"127.0.0.1:{plain.port}"
    assert answer(plain, 0, "dark", Origin="http://evil.example")[0] == 403
    assert answer(plain, 0, "dark", Origin="null")[0] == 403
    # a form of another page can send text, but not as JSON without asking
    assert (
        ask(plain, "POST", "/api/answer", '{"turn":0,"answer":"dark"}', Content_Type="text/plain")[0] == 415
    )
    assert answer(plain, 0, "dark", Origin=f"http://{host}")[0] == 200


def test_on_the_network_answers_need_the_token(start):
    server = start("s3cret-\u00fc")
    assert json.loads(ask(server, "GET", "/api/state")[2])["may"] is False
    for shown in ({}, {"X_Canbean_Token": ""}, {"X_Canbean_Token": "s3cret"}):
        status, told = answer(server, 0, "dark", **shown)
        assert (status, "token" in told["error"]) == (403, True)
    assert server.wizard.state()["step"] == "cup"
    server = start("s3cret")
    assert answer(server, 0, "dark", X_Canbean_Token="s3cret")[0] == 200
    assert server.wizard.state()["step"] == "ours"


def test_the_wizard_by_http(plain):
    status, told = answer(plain, 0, "")
    assert (status, told["error"], told["pairing"]["step"]) == (200, None, "ours")
    turn = told["pairing"]["turn"]
    # a second page that did not see it answers the question of before
    assert "meanwhile" in answer(plain, turn - 1, "")[1]["error"]
    told = answer(plain, turn, "")[1]
    assert told["pairing"]["step"] == "reference"
    refused = answer(plain, told["pairing"]["turn"], "seventy")[1]
    assert "is not a number" in refused["error"]
    told = answer(plain, refused["pairing"]["turn"], "40")[1]
    assert "pair 1 is kept" in told["said"]
    assert told["pairing"]["kept"] == 1
    assert told["pairing"]["references"] == [40]


def test_without_a_session_nothing_is_answered(start):
    server = start(pairing=False)
    assert json.loads(ask(server, "GET", "/api/state")[2])["pairing"] is None
    status, told = answer(server, 0, "dark")
    assert (status, "--pairs" in told["error"]) == (404, True)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("x" * 5000, {}, 413),
        ("{", {}, 400),
        ("[1]", {}, 400),
        ('{"turn": true, "answer": "x"}', {}, 400),
        ('{"turn": 0}', {}, 400),
        ("[" * 3000, {}, 400),
        ("{}", {"Content_Length": "-1"}, 413),
        ("{}", {"Content_Length": "99999999999999"}, 413),
    ],
)
def test_bad_requests_are_refused(plain, body, headers, status):
    assert ask(plain, "POST", "/api/answer", body, **JSON, **headers)[0] == status
    assert ask(plain, "GET", "/api/state")[0] == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/../pyproject.toml", "/page/index.html", "//evil", "/%2e%2e/x"]
)
def test_there_is_nothing_else(plain, path):
    assert ask(plain, "GET", path)[0] == 404


@pytest.fixture(scope="module")
def steady(start):
    return start()


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_noise_does_not_stop_it(steady, noise):
    with socket.create_connection(("127.0.0.1", steady.port), timeout=60) as link:
        link.sendall(noise + b"\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        while link.recv(4096):
            pass
    assert ask(steady, "GET", "/api/state")[0] == 200


def test_events_come_as_they_happen(plain):
    link = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=60)
    link.request("GET", "/api/events")
    response = link.getresponse()
    assert response.getheader("Content-Type").startswith("text/event-stream")

    def event():
        lines = iter(response.readline, b"")
        name = next(line for line in lines if line.startswith(b"event: "))[7:].strip().decode()
        return name, json.loads(response.readline()[6:])

    name, told = event()
    assert (name, told["readings"][0]["value"]) == ("all", 78.3)
    plain.live.publish("reading", {"value": "<b>\n\ndata: x"})
    assert event() == ("reading", {"value": "<b>\n\ndata: x"})
    answer(plain, 0, "dark")
    name, told = event()
    assert (name, told["pairing"]["step"]) == ("pairing", "ours")
    assert plain.live.pages == 1
    link.close()


def test_a_port_that_is_taken_gets_one_line(plain):
    with pytest.raises(BoardError, match="give another --http port"):
        Server(("127.0.0.1", plain.port), plain.live, about={})
