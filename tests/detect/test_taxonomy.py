import json

import pytest

from canbean.board.firmware import module
from canbean.detect import taxonomy
from canbean.detect.alerts import KINDS, Alert, fields


@pytest.mark.parametrize("kind", taxonomy.SIGNS)
def test_host_and_board_name_the_same_techniques(kind):
    board = module("alert")
    alert = Alert(0, 1, 0, "fingerprint", kind, 1, 1, "", "", "low", 1, 0)
    assert dict(fields(alert))["hypotheses"] == board.hypotheses(kind)
    assert board.KINDS.split(",") == list(taxonomy.SIGNS)
    for said in json.loads(board.hypotheses(kind)):
        assert list(said) == ["class", "confidence", "atm", "ics_v18", "ics_v19", "r155"]


def test_every_sign_is_of_a_kind_and_names_a_class():
    for kind, signs in taxonomy.SIGNS.items():
        assert kind in KINDS
        assert all(name in taxonomy.CLASSES and 0 < percent < 100 for name, percent in signs)
        assert sum(percent for _, percent in signs) <= 100
