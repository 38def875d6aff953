"""Lists set on a board join those of its model as they do on the host."""

import json

import numpy as np
from hypothesis import given, settings

from bus_cases import fingerprint, frames
from canbean.board.settings import rule_text
from canbean.detect.patterns import pattern_text
from canbean.detect.rules import ACTIONS, Rules
from rule_cases import rules_for, written

JOIN = """
import json, sys
from binascii import hexlify, unhexlify
from commands.lists import joined
for section, lines in json.load(open(sys.argv[1])):
    print(str(hexlify(joined(unhexlify(section), lines)), "ascii"))
"""


def test_the_model_s_and_the_board_s_rules_together(vm, tmp_path):
    cases, expected = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        seen = frames(rng, fingerprint(rng), 100)
        model = rules_for(rng, seen) if seed % 4 else Rules()
        board = rules_for(rng, seen)
        if seed % 3 == 0 and model:
            # rules about the same frames: the board's count
            board = board.joined(
                Rules((model.rules[0].__class__(3 - model.rules[0].action, *_rest(model.rules[0])),))
            )
        lines = [f"{ACTIONS[rule.action]} {rule_text(rule)}" for rule in board]
        rng.shuffle(lines)
        cases.append((model.to_bytes().hex() if model else "", [str(line) for line in lines]))
        expected.append(model.joined(board).to_bytes().hex())
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    assert vm.run(JOIN, tmp_path / "cases.json", heap="64M").split() == expected


def _rest(rule):
    return rule.key, rule.mask, rule.value, rule.care


@settings(max_examples=200)
@given(written())
def test_a_rule_as_a_board_reads_it_means_the_same(text):
    for rule in Rules.parse([text]):
        again = Rules.parse([rule_text(rule).replace(".", "x")])
        assert again.rules == (rule,)
        assert "-" not in rule_text(rule)
        assert pattern_text(*_rest(again.rules[0])) == pattern_text(*_rest(rule))
