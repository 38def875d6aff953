"""The real VM behind a bad cable: every frame handled, every alert once, in order, and byte for byte the host's."""

import pytest

from noise_cases import NoisyPort, noise

pytestmark = pytest.mark.usefixtures("vm")


@pytest.mark.parametrize(("count", "rate"), [(8_000, 0.0), (2_500, 0.001)])
def test_alerts_of_a_replay_over_a_bad_cable(count, rate):
    said = noise(count, rate, seed=3)
    assert (said["handled"], said["lost"]) == (count, 0)
    assert said["alerts_as_expected"]
    assert said["alerts"] == said["alerts_expected"] >= 20
    assert said["alerts_missed"] == 0
    assert (
        (said["bytes_harmed"] > 0)
        == (said["noise_heard_by_host"] > 0)
        == (said["sent_again"] > 0)
        == (rate > 0)
    )


def test_the_cable_harms_as_much_as_it_says():
    cable = NoisyPort(None, 0.001, 1)
    data = bytes(range(256)) * 2000
    harmed = cable.harm(data)
    assert 400 < cable.harmed < 640
    assert abs(len(harmed) - len(data)) < 100
    assert harmed != data
