"""A button, debounced: presses as one makes them, on CPython and on the VM."""

import json

from hypothesis import given
from hypothesis import strategies as st

import firmware_drivers

Button = firmware_drivers.load("drivers.button").Button
WRAP = 0x3FFFFFFF


class Hand:
    """A clock and a contact that is open (1) or closed (0)."""

    def __init__(self, start=0):
        self.now, self.level = start, 1
        self.button = Button(lambda: self.level, lambda: self.now & WRAP)

    def hold(self, level, ms, every=1):
        """Presses that are noticed meanwhile."""
        found = 0
        self.level = level
        for _ in range(0, ms, every):
            found += self.button.pressed()
            self.now += every
        return found

    def bounce(self, level, ms):
        return sum(self.hold(level ^ i & 1, 1) for i in range(ms))


@given(st.integers(0, 1 << 31), st.lists(st.tuples(st.integers(40, 900), st.integers(0, 25)), max_size=6))
def test_a_press_is_one(start, presses):
    hand = Hand(start)
    for ms, bouncing in presses:
        assert hand.hold(1, 50) + hand.bounce(0, bouncing) + hand.hold(0, ms) == 1
        assert hand.bounce(1, bouncing) == 0
    assert hand.hold(1, 2000) == 0


@given(st.integers(1, 29), st.integers(2, 200))
def test_noise_is_none(ms, quiet):
    hand = Hand()
    for _ in range(5):
        assert hand.hold(1, quiet) + hand.hold(0, ms) == 0
    assert hand.hold(1, 100) == 0


def test_asked_seldom_it_is_noticed_at_once():
    """Between slices of 150 ms."""
    hand = Hand()
    assert hand.hold(1, 900, 150) == 0
    assert hand.hold(0, 150, 150) == 1
    assert hand.hold(0, 900, 150) == 0
    assert hand.hold(1, 150, 150) == 0
    assert hand.hold(0, 150, 150) == 1


def test_held_at_the_start_it_counts_once_and_not_asked_for_days_neither():
    hand = Hand()
    assert hand.hold(0, 500) == 1
    hand.now += 5 << 30
    assert hand.hold(0, 500) == 0
    assert hand.hold(1, 500) == 0
    assert hand.hold(0, 500) == 1


def test_on_the_vm_it_takes_no_memory(vm):
    said = vm.run(
        """
import gc
from drivers.button import Button
now = 0
level = 1
button = Button(lambda: level, lambda: now)
found = i = before = 0
def ask():
    global now, found
    now += 1
    found += button.pressed()
ask()
gc.collect()
gc.disable()
before = gc.mem_alloc()
for i in range(400):
    level = i // 100 + 1 & 1
    ask()
print([gc.mem_alloc() - before, found])
"""
    )
    assert json.loads(said) == [0, 2]
