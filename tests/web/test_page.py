"""The page in a real browser: what a person sees, on a phone too, and a whole pairing by its buttons."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import browser
from canbean.board.reference_meter import ReferenceMeter
from canbean.board.roastmeter import Link, follow
from canbean.roast import pairs, reading
from canbean.roast.pair_book import Book
from canbean.roast.pairing import Session
from canbean.web.live import Live, State
from canbean.web.server import Server
from canbean.web.wizard import Wizard
from pair_cases import SCALE
from serial_meters import EMPTY, READING, Button, Meter

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the browser is driven through pipes: POSIX only"),
    pytest.mark.skipif(browser.find() is None, reason="no Chromium or Chrome on the PATH"),
    # pyserial does not close a socket that the other end has closed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EVIL = '<img src=x onerror="hacked=1"><b>Kenya</b>'


@pytest.fixture(scope="module")
def chrome():
    made = browser.Browser(browser.find())
    yield made
    made.close()


@pytest.fixture
def quiet(chrome):
    """The browser, which may not have had an error by the end."""
    chrome.errors.clear()
    yield chrome
    assert chrome.errors == []


@pytest.fixture
def meter():
    with Meter({**READING, "degree": EVIL}) as made:
        yield made


@pytest.fixture
def start(tmp_path, meter):
    """`start(token, reference)` -> server on the meter, with a pairing session and a professional meter on a port."""
    open_ones = []

    def begin(token=None, reference=None):
        def source(live):
            for event in follow(meter.port, live.sleep, retry=lambda _: live.wait(0.1), anew=live.anew):
                if isinstance(event, Link):
                    yield State(event.there, event.words)
                else:
                    yield reading.parse(event.values)

        live = Live(source, every=0.05)
        live.start()
        session = Session(Book(tmp_path / "p.csv", SCALE), "unit-1", tamps=2)
        wizard = Wizard(session, lambda: reading.believed(live.fresh()), reference)
        about = {"title": "Roast meter", "simulated": False}
        server = Server(("127.0.0.1", 0), live, about=about, wizard=wizard, token=token)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        open_ones.append((server, live))
        return f"http://127.0.0.1:{server.port}/"

    yield begin
    for server, live in open_ones:
        live.close()
        server.shutdown()
        server.server_close()


def shown(chrome, node):
    return chrome.run(f"document.getElementById('{node}').textContent")


def visible(chrome, node):
    return chrome.run(f"document.getElementById('{node}').offsetParent !== null")


def press(chrome, words):
    """Click the visible button that says these words, as soon as it may be pressed."""
    chrome.wait(
        "(() => { const b = [...document.querySelectorAll('button')].find("
        f"(b) => b.offsetParent && !b.disabled && b.textContent === {words!r}); if (b) b.click(); return !!b; }})()"
    )


def type_in(chrome, text):
    """Type an answer and send it with Enter, as a keyboard does."""
    chrome.run("document.getElementById('text').focus()")
    chrome.send("Input.insertText", text=text)
    for kind in ("keyDown", "keyUp"):
        chrome.send(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            windowsVirtualKeyCode=13,
            text="\r",
        )


def asked(chrome, words):
    chrome.wait(f"document.getElementById('question').textContent.includes({words!r}) && !pairing.busy")


def test_the_value_with_all_that_belongs_to_it(quiet, start, meter):
    quiet.open(start())
    quiet.wait("document.getElementById('value').textContent === '78.3'")
    assert shown(quiet, "interval") == "75.1 to 81.5"
    assert shown(quiet, "degree") == EVIL
    quiet.wait("document.getElementById('trend').textContent === '→ steady'")
    assert shown(quiet, "spread") == "0.00"
    assert "the meter is there" in shown(quiet, "state")
    quiet.wait("document.querySelectorAll('#history polyline, #history polygon').length >= 2")
    assert quiet.run("document.title") == "78.3 · Roast meter"
    meter.reading = {**READING, "stale": True}
    quiet.wait("document.getElementById('warnings').textContent.includes('stale')")
    meter.reading = EMPTY
    quiet.wait("document.getElementById('value').textContent === '--'")
    assert "nothing lies on the window" in shown(quiet, "why")
    assert shown(quiet, "interval") == shown(quiet, "degree") == ""
    quiet.wait("document.querySelectorAll('#history .missing').length > 0")


def test_trend_and_spread_of_a_cup_as_it_moves(quiet, start, meter):
    meter.reading = EMPTY
    quiet.open(start())
    quiet.wait("document.getElementById('value').textContent === '--'")
    # it rises for as long as a slow machine may take to look
    meter.reading = [{**READING, "value": 70 + n / 4} for n in range(4000)]
    meter.asked = 0
    quiet.wait("document.getElementById('trend').textContent === '↗ rising'")
    assert float(shown(quiet, "spread")) > 0.5
    meter.reading = {**READING, "value": 150.0}
    quiet.wait("document.getElementById('trend').textContent === '→ steady'")
    assert (shown(quiet, "value"), shown(quiet, "spread")) == ("150", "0.00")
    meter.reading = {**READING, "value": 40.0}
    # another cup begins anew
    quiet.wait("document.getElementById('range').textContent === '40.0 to 40.0'")


def test_a_meter_that_is_unplugged_is_said_and_comes_back(quiet, start, meter):
    quiet.open(start())
    quiet.wait("document.getElementById('state').className.includes('there')")
    meter.unplug()
    quiet.wait("document.getElementById('state').className.includes('away')")
    assert meter.port in shown(quiet, "state")
    meter.plug()
    quiet.wait("document.getElementById('state').className.includes('there')")
    assert "there again" in shown(quiet, "state")


def begin_kenya(page):
    """A session of one lot, until its first cup is to be put on our meter."""
    asked(page, "Which roasts")
    type_in(page, "Kenya")
    asked(page, "About where")
    press(page, "?")
    asked(page, "Which other")
    press(page, "That is all")
    asked(page, "Next:")
    press(page, "Kenya: it is filled")
    asked(page, "put it on our meter")


def test_a_whole_pairing_by_the_page(quiet, start, meter, tmp_path):
    quiet.open(start(), width=360, height=780)
    asked(quiet, "Which roasts")
    for name, degree in ((EVIL, "78"), ("Brazil", "medium")):
        type_in(quiet, name)
        asked(quiet, "About where does")
        if degree == "medium":
            press(quiet, degree)
        else:
            type_in(quiet, degree)
        asked(quiet, "Which other roast?")
    press(quiet, "That is all")
    asked(quiet, "Next: ")
    press(quiet, f"{EVIL}: it is filled")
    asked(quiet, "put it on our meter")
    press(quiet, "It lies there: read it")
    asked(quiet, "what does the professional meter say?")
    type_in(quiet, "seventy")
    quiet.wait("document.getElementById('error').textContent.includes('is not a number')")
    press(quiet, "Back")
    asked(quiet, "put it on our meter")
    press(quiet, "It lies there: read it")
    asked(quiet, "what does the professional meter say?")
    type_in(quiet, "78")
    asked(quiet, "tamp 2")
    quiet.wait("document.getElementById('said').textContent.includes('pair 1 is kept')")
    assert len(pairs.read(tmp_path / "p.csv")) == 1
    # the professional meter is first now, and its value does not go with the tamp before
    type_in(quiet, "87")
    asked(quiet, "put it on our meter")
    press(quiet, "It lies there: read it")
    asked(quiet, "This looks odd")
    press(quiet, "Measure this tamp again")
    asked(quiet, "what does the professional meter say?")
    type_in(quiet, "79")
    asked(quiet, "put it on our meter")
    meter.reading = {**READING, "raw": [8150, 27500, 2725]}
    press(quiet, "It lies there: read it")
    asked(quiet, "Next: Brazil")
    assert shown(quiet, "progress") == "2 of 60 pairs"
    assert quiet.run("document.querySelectorAll('#coverage .tick').length") == 2
    press(quiet, "✕")
    quiet.wait("document.getElementById('progress').textContent === '1 of 60 pairs'")
    press(quiet, "End")
    asked(quiet, "1 pair of 1 lot is kept")
    found = pairs.read(tmp_path / "p.csv")
    assert (found.lots, found.reference.tolist()) == ((EVIL,), [78])
    assert quiet.run("window.hacked") is None
    assert quiet.run("document.querySelectorAll('main img, main b').length") == 0
    # a page that opens now sees it too
    quiet.open(quiet.run("location.href"))
    asked(quiet, "1 pair of 1 lot is kept")


def test_an_event_that_comes_late_takes_nothing_away(quiet, start):
    quiet.open(start())
    asked(quiet, "Which roasts")
    quiet.run("window.before = pairing.state, null")
    type_in(quiet, "Kenya")
    asked(quiet, "About where")
    quiet.run("byId('text').value = '7'")
    quiet.run("pairing.show(before)")
    assert "About where" in shown(quiet, "question")
    assert quiet.run("byId('text').value") == "7"
    # a session that began anew counts from 0 again
    quiet.run("pairing.show({...before, run: 'another'})")
    asked(quiet, "Which roasts")
    assert quiet.run("byId('text').value") == ""


def test_the_professional_meter_on_its_own_port(quiet, start, meter, tmp_path):
    with Button() as other, ReferenceMeter(other.port) as reference:
        quiet.open(start(reference=reference), width=360, height=780)
        begin_kenya(quiet)
        # of an earlier cup
        other.press(b"55.0")
        press(quiet, "It lies there: read it")
        asked(quiet, "what does the professional meter say?")
        other.press(b"82.0")
        press(quiet, "It has measured: take its value")
        asked(quiet, "tamp 2")
        assert "the professional meter says 82; pair 1 is kept" in shown(quiet, "said")
        other.press(b"82 or 83")
        press(quiet, "It has measured: take its value")
        quiet.wait("document.getElementById('error').textContent.includes('2 numbers')")
        # it can be typed all the same
        type_in(quiet, "83")
        asked(quiet, "put it on our meter")
    assert pairs.read(tmp_path / "p.csv").reference.tolist() == [82]


def test_a_cup_that_cannot_be_read_is_said(quiet, start, meter):
    quiet.open(start())
    begin_kenya(quiet)
    meter.reading = EMPTY
    press(quiet, "It lies there: read it")
    quiet.wait("document.getElementById('error').textContent.includes('nothing lies on the window')")
    assert "put it on our meter" in shown(quiet, "question")


def test_without_the_token_the_page_only_shows(chrome, start):
    chrome.errors.clear()
    url = start("s3cret")
    chrome.open(url)
    chrome.wait("document.getElementById('value').textContent === '78.3'")
    asked(chrome, "Which roasts")
    assert visible(chrome, "guarded")
    assert chrome.run("document.getElementById('text').disabled")
    # nor by hand
    chrome.run("pairing.answer('Kenya')")
    chrome.wait("document.getElementById('error').textContent.includes('token')")
    chrome.errors.clear()
    chrome.open(f"{url}#token=s3cret")
    asked(chrome, "Which roasts")
    assert not visible(chrome, "guarded")
    type_in(chrome, "Kenya")
    asked(chrome, "About where does Kenya")
    assert chrome.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1200])
def test_it_fits_and_can_be_read(quiet, start, width, dark):
    quiet.open(start(), width=width, height=780, dark=dark)
    quiet.wait("document.getElementById('value').textContent === '78.3'")
    asked(quiet, "Which roasts")
    assert quiet.run("document.documentElement.scrollWidth") == width
    large = quiet.run("parseFloat(getComputedStyle(document.getElementById('value')).fontSize)")
    assert large >= 80
    # what is touched is large enough for a finger
    sizes = quiet.run(
        "[...document.querySelectorAll('#answer button, #answer input')].filter((b) => b.offsetParent)"
        ".map((b) => b.getBoundingClientRect().height)"
    )
    assert sizes
    assert min(sizes) >= 44
    ratio = quiet.run(CONTRAST)
    assert min(ratio.values()) >= 4.5, ratio


CONTRAST = """(() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const colour = getComputedStyle(n).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  for (const node of document.querySelectorAll("h1, h2, p, dd, dt, button, span, input")) {
    if (!node.offsetParent || !(node.textContent || node.tagName === "INPUT")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    found[node.id || node.textContent.slice(0, 20)] = (a + 0.05) / (b + 0.05);
  }
  return found;
})()"""


RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from canbean.cli.main import main; main()"


def test_the_verb_serves_and_ends(quiet, tmp_path):
    """`canbean roast serve --simulate` as it is started, opened and stopped."""
    words = [
        "roast",
        "serve",
        "--simulate",
        "--http",
        "0",
        "--every",
        "0.1",
        "--pairs",
        str(tmp_path / "p.csv"),
    ]
    paths = os.pathsep.join([str(Path(browser.__file__).parents[1] / "host"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url), process.stderr.read()
            quiet.open(url)
            quiet.wait("/^[0-9.]+$/.test(document.getElementById('value').textContent)")
            assert visible(quiet, "simulated")
            quiet.send("Page.navigate", url="about:blank")
            process.send_signal(2)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "Only this machine can open it" in err
    assert "0 pairs" in err
