# ruff: noqa: PLW0603 - a script's own state
# Runs on the VM before a test's own code: a whole gateway on the D1 mini's file, its chip, line and clock stand-ins.
import json
import os
import sys

import board_stand_ins
from board_stand_ins import board as on

real = sys.modules
stand_ins = board_stand_ins.modules(real)
for name in dir(os):
    if not hasattr(stand_ins["os"], name):
        setattr(stand_ins["os"], name, getattr(os, name))
real.update(stand_ins)
time = stand_ins["time"]
chip = on.chip
end = 0
step = 1
held = []  # (ms, function) of what happens meanwhile, in order


def wait(ms):
    time.now += step * ms
    while held and held[0][0] <= time.now:
        held.pop(0)[1]()
    if time.now >= end:
        raise EOFError


# The gateway's own loop for so long.
def run(ms, each=1):
    global end, step
    end = time.now + ms
    step = each
    gateway.console.run()


def at(ms, what):
    held.append((time.now + ms, what))


def say(text):
    on.line.there += text + b"\n"


# Lines since it was asked last.
def said(*kinds):
    lines = [json.loads(line) for line in on.log.get("written", b"").split(b"\n") if line]
    on.log["written"] = b""
    return [line for line in lines if not kinds or line["type"] in kinds]


def ask(text, kind):
    said()
    say(text)
    run(20)
    return said(kind, "error")


def start():
    global gateway
    from apps.gateway import Gateway, finish
    from boards import wemos_d1_mini as board
    from commands import boot

    boot.start(board)
    gateway = Gateway(board)
    finish(gateway)
    gateway.console._wait = wait
    on.line.there = b""
    return gateway


def silent(level):
    chip.silent = level
