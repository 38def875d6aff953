"""The board's half of a parity run: how its code is called for rows of integers on the MicroPython VM, with its kernels or without.

`bytecode` hides every `*_viper` module before anything is imported, `viper` puts a counter in front of each of their
functions: a case whose kernels were called less often than it has rows is an error.
"""

from __future__ import annotations

from canbean.board import firmware
from fingerprint_cases import AT, PARTS

KERNELS = sorted(path.stem for path in (firmware.folder() / "canbean").glob("*_viper.py"))

# Steps of a sequence.
STEPS = 50

# `make(section)` gives `run(x)` for a row of int32: an int or a buffer of them.
OF_CLASS = """
from canbean.{module} import {name}
def make(section):
    return {name}(section).{call}
"""
OF_SECTIONS = """
import struct
from canbean.{module} import {name}
def make(content):
    sections, at = {{}}, 0
    while at < len(content):
        size = struct.unpack_from("<I", content, at + 4)[0]
        sections[str(content[at : at + 4], "ascii")] = content[at + 8 : at + 8 + size]
        at += 8 + size
    return {name}(sections).predict
"""
OF_SEQUENCES = """
from canbean.{module} import {name}
def make(section):
    kind, steps = {name}(section), 0
    def run(x):
        nonlocal steps
        if steps == {steps}:
            kind.reset()
            steps = 0
        steps += 1
        return kind.run(x)
    return run
"""
OF_CURVES = """
from canbean.curves import exp2_q15, isqrt, sigmoid_q15, tanh_q15
def make(section):
    return lambda x: (tanh_q15(x[0]), sigmoid_q15(x[0]), exp2_q15(x[1]), isqrt(x[2]))
"""
OF_FEATURES = """
from array import array
from canbean.features import Features
def make(section):
    front = Features(section)
    out = array("h", bytes(2 * front.channels))
    def run(x):
        front.apply(x, out)
        return out
    return run
"""
OF_REQUANTIZE = """
from canbean.fixed import requantize
def make(section):
    return lambda x: requantize(x[0], x[1], x[2], x[3], x[4], x[5], x[6])
"""
OF_LOGARITHMS = """
from canbean.bucket import bucket
from canbean.fixed import log2_q12
def make(section):
    return lambda x: (log2_q12(x[0]) if x[0] > 0 else 0, bucket(x[0]))
"""
OF_FINGERPRINT = """
from canbean.fingerprint import Fingerprint
class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)
def make(section):
    known = Fingerprint(Section(section))
    now = known.now
    def run(x):
        bits = known.kernel(bytes(x), now, known.halves, known.octets)
        if bits >> 16 & 1:
            bits += known.unknown()
        return [bits & 0xFFFF] + [now[k] for k in PLACES]
    return run
""".replace("PLACES", repr((AT.SLOT, *PARTS)))
ON_VM = """
import struct
from array import array
turn = 0
with open({cases!r}, "rb") as cases, open({answers!r}, "wb") as answers:
    while True:
        head = cases.read(20)
        if not head:
            break
        size, rows, width, outputs, native = struct.unpack("<IIIII", head)
        called = calls
        # every other one as a board has it that reads it where it lies in flash
        given = cases.read(size)
        run = make(memoryview(given) if turn & 1 else given)
        turn += 1
        x = array("i", bytes(4 * width))
        out = array("i", bytes(4 * outputs))
        for _ in range(rows):
            cases.readinto(x)
            said = run(x)
            if isinstance(said, int):
                out[0] = said
            else:
                for i in range(outputs):
                    out[i] = said[i]
            answers.write(out)
        assert called is None or not native or calls >= called + rows, "the kernel was not called"
"""
HIDE = """
import sys
class Nothing:
    pass
for name in {kernels!r}:
    sys.modules["canbean." + name] = Nothing()
calls = None
"""
COUNT = """
import sys
class Kernels:
    pass
calls = 0
def counting(kernel):
    def counted(*given):
        global calls
        calls += 1
        return kernel(*given)
    return counted
for name in {kernels!r}:
    real, counted = __import__("canbean." + name, None, None, ["native"]), Kernels()
    for attribute in dir(real):
        if callable(getattr(real, attribute)):
            setattr(counted, attribute, counting(getattr(real, attribute)))
    sys.modules["canbean." + name] = counted
"""


def twins(path: str, call: str = "run", native: tuple[str, ...] = (), code: str = OF_CLASS) -> dict[str, str]:
    """The board's code of a kind by executor: `bytecode`, and `viper` where it has kernels.

    Args:
        path: `"module.Class"` in `firmware/canbean`.
        call: its method.
        native: modules with kernels that it calls, besides its own.
        code: what makes a `run(x)` of it.
    """
    module, name = path.split(".")
    made = code.format(module=module, name=name, call=call, steps=STEPS)
    fast = any(f"{one}_viper" in KERNELS for one in (module, *native))
    return {"bytecode": made, **({"viper": made} if fast else {})}


def program(executor: str, code: str, cases: str, answers: str) -> str:
    """What the VM runs.

    Args:
        executor: `bytecode` or `viper`.
        code: of `twins`.
        cases: file of cases; see `Batch.to_bytes`.
        answers: file of the answers.
    """
    head = f"import sys\nsys.path.insert(0, {str(firmware.folder())!r})\n"
    mode = COUNT if executor == "viper" else HIDE
    return head + mode.format(kernels=KERNELS) + code + ON_VM.format(cases=cases, answers=answers)
