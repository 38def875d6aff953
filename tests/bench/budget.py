"""`tools/bench budget`: is the budget of false alerts kept? Whole models on simulated clean drives that none of them was learned from."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from canbean.can import simulate
from canbean.detect import score
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.detect.select import select

SECONDS = 600.0
RATES = ("clean_hours", "false_alerts", "false_alerts_per_hour_upper95", "false_episodes")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench budget", description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=1.0, help="false alerts an hour")
    parser.add_argument("--models", type=int, default=6, help="each learned from a drive of ten minutes")
    parser.add_argument(
        "--drives", type=int, default=10, help="other drives of ten minutes that each watches"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tallies = []
    for seed in range(options.models):
        learned = select(learn([simulate.drive(SECONDS, seed)], per_hour=options.budget)).learned
        names = ", ".join(["fingerprint", "checks", *learned.gateway.detectors])
        for number in range(options.drives):
            drive = simulate.drive(SECONDS, 1000 + 100 * seed + number)
            tallies.append(score.tally(drive, replay(learned.gateway, drive).alerts))
        so_far = score.result(tallies)
        print(
            f"model {seed}: {names}; {so_far['false_alerts']} false alerts in {so_far['clean_hours']:.2f} h so far",
            file=sys.stderr,
            flush=True,
        )
    whole = score.result(tallies)
    said = {"data": "simulated", "budget_per_hour": options.budget, **{name: whole[name] for name in RATES}}
    if options.json:
        print(json.dumps(said))
        return
    print(
        f"simulated, budget {options.budget:g} an hour: {said['false_alerts']} false alerts in {said['clean_hours']:.2f} h, "
        f"at most {said['false_alerts_per_hour_upper95']:.2f} an hour (95 %); {said['false_episodes']} episodes"
    )


if __name__ == "__main__":
    main()
