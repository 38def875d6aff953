"""`canbean model tune`: another threshold and other rules for a gateway's model, without learning again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.can.frames import key_text
from canbean.cli import tune_board
from canbean.cli.learn import per_hour_of
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, table
from canbean.cli.rules import Allow, Deny, show_rules
from canbean.cli.sign import ModelPath
from canbean.detect import budget
from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.rules import DENY, Rules
from canbean.detect.tune import HISTORY, Settings, tuned
from canbean.errors import UsageError
from canbean.files import read_bytes, writable, write_bytes
from canbean.tiny import cbm, keys

if TYPE_CHECKING:
    from collections.abc import Mapping


def tune(
    model: ModelPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="NEW.cbm", help="The model that is made; M.cbm itself replaces it."
        ),
    ] = None,
    budget_: Annotated[
        str | None,
        typer.Option("--budget", metavar="N/h", help="The threshold for so many false alerts an hour."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="BITS", help="The threshold itself.")
    ] = None,
    more_recall: Annotated[
        bool, typer.Option("--more-recall", help="One entry along the budget curve: more alerts.")
    ] = False,
    more_precision: Annotated[
        bool, typer.Option("--more-precision", help="One entry along the budget curve: fewer alerts.")
    ] = False,
    allow: Allow = None,
    deny: Deny = None,
    clear_rules: Annotated[
        bool, typer.Option("--clear-rules", help="Drop the rules that the model has.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Show what is set and the budget curve, and change nothing.")
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="K",
            help="A key file: the new model is signed, a signed M.cbm must be so with it; with --on the board's key.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="PORT",
            help="Set it on the board that runs M.cbm, beside the model, and write no file. --clear-rules drops the board's own.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move along the budget curve, allow and deny ids and payload patterns: a new model without learning again.

    What was learned stays as it is. An id that is allowed as a whole is not reported missing either. Without --key the new model is unsigned.
    """
    moves = (budget_ is not None, threshold is not None, more_recall, more_precision)
    if sum(moves) > 1:
        raise UsageError(
            "--budget, --threshold, --more-recall and --more-precision each set the threshold: give one"
        )
    asked = any(moves) or allow or deny or clear_rules
    if list_ and (asked or output is not None):
        raise UsageError("--list changes nothing: give it alone")
    if not list_ and not asked:
        raise UsageError(
            "nothing to tune: give --budget, --threshold, --allow, --deny ...; --list shows what is set"
        )
    if on is not None and output is not None:
        raise UsageError("-o writes a file and --on changes a board: give one")
    if not list_ and output is None and on is None:
        raise UsageError("where to? give -o NEW.cbm (the model's own path replaces it), or --on PORT")
    newer = Rules.parse(allow or (), deny or ())
    secret = None if key is None else keys.read_key(key)
    if output is not None:
        writable(output, key)
    blob, name = read_bytes(model, "model file"), str(model)
    found = cbm.unpack(blob, name)
    if found.signed and secret is not None:
        cbm.unpack(blob, name, secret)
    before = Settings.of(found, name)
    if on is not None:

        def move(now: Settings) -> int:
            chosen = _threshold(
                now, budget_, threshold, more_recall=more_recall, more_precision=more_precision
            )
            return chosen[0]

        change = None if list_ else tune_board.Change(move, newer, clear_rules)
        tune_board.tune(on, blob, name, before, change, secret, as_json=as_json)
        return
    if output is None:
        _show(name, before, as_json=as_json)
        return
    wanted, moved = _threshold(
        before, budget_, threshold, more_recall=more_recall, more_precision=more_precision
    )
    what = [moved] if moved else []
    what += ["--clear-rules"] if clear_rules else []
    what += [f"--{rule}" for rule in newer]
    listed = (Rules() if clear_rules else before.rules).joined(newer)
    changed = wanted != before.fingerprint.threshold or listed != before.rules
    made = found
    if changed:
        when, parent = datetime.now(UTC), cbm.digest(blob)
        made = tuned(found, name, wanted, listed, what="; ".join(what), when=when, parent=parent)
    new = cbm.pack(made, secret)
    write_bytes(output, new)
    after = Settings.of(made, str(output))
    told = {
        "model": str(output),
        "data": made.read_meta(name).get("data"),
        "bytes": len(new),
        "digest": cbm.digest(new),
        "parent": cbm.digest(blob),
        "signed": secret is not None,
        "changed": changed,
        "before": before.told(),
        "after": after.told(),
        "tuned": after.history,
    }
    if as_json:
        json_line(told)
    else:
        _compare(output, told)
    _warn(before, after, told, was_signed=found.signed)


def _threshold(
    before: Settings, per_hour: str | None, bits: float | None, *, more_recall: bool, more_precision: bool
) -> tuple[int, str]:
    """The threshold asked for, and how, in words; empty where none was."""
    now = before.fingerprint.threshold
    if per_hour is not None:
        rate = per_hour_of(per_hour)
        wanted, how = budget.threshold_for(before.curve, rate), f"--budget {rate:g}/h"
    elif bits is not None:
        if not 1 / 16 <= bits <= SCORE_CAP / 16:
            raise UsageError(f"--threshold {bits:g}: give bits, {1 / 16} to {SCORE_CAP // 16}")
        wanted, how = round(bits * 16), f"--threshold {round(bits * 16) / 16:g}"
    elif more_recall or more_precision:
        wanted = budget.step(before.curve, now, stricter=more_precision)
        how = "--more-precision" if more_precision else "--more-recall"
    else:
        return now, ""
    source = "" if before.measured or bits is not None else ", extrapolated"
    return wanted, f"{how}: {now / 16:g} to {wanted / 16:g} bits{source}"


ROWS = (
    ("threshold_bits", "threshold, bits"),
    ("alerts_per_hour", "false alerts an hour"),
    ("unknown_ids_alert", "an unknown id alone raises an alert"),
    ("ids_watched_for_silence", "ids watched for silence"),
    ("timeout_ms_median", "silence that is missed, median ms"),
)


def _compare(output: Path, told: Mapping[str, Any]) -> None:
    """The table of before and after, and the rules."""
    sides = told["before"], told["after"]
    rows = [(words, *(_cell(side[name]) for side in sides)) for name, words in ROWS]
    rows.append(("rules", *(str(len(side["rules"])) for side in sides)))
    table(f"{output}: {told['bytes']} bytes", ("", "before", "after"), rows)
    show_rules(told["after"]["rules"])
    results.print(f"digest {told['digest']}")
    results.print(f"parent {told['parent']}")
    if not told["changed"]:
        note("nothing was changed: this is so already")


def _show(name: str, known: Settings, *, as_json: bool) -> None:
    """What is set, and where the curve leads."""
    told = known.told()
    curve = [[float(f"{rate:.6g}"), bits] for rate, bits in known.curve]
    if as_json:
        json_line({"model": name, **told, "curve": curve, "tuned": known.history})
        return
    table(name, ("set", ""), [(words, _cell(told[key])) for key, words in ROWS])
    show_rules(told["rules"])
    if known.measured:
        rows = [(f"{rate:.3g}", f"{bits:g}") for rate, bits in curve]
        table("budget curve", ("false alerts an hour", "threshold, bits"), rows)
    else:
        results.print("no budget curve was measured: a bit more halves the alerts (extrapolated)")
    show_history(known.history)


def show_history(history: list[dict[str, Any]]) -> None:
    """A line for each time that the model was tuned."""
    for entry in history:
        when, what, parent = (entry.get(name, "?") for name in ("when", "what", "parent"))
        results.print(f"tuned {when}: {what} (from {str(parent)[:16]})", markup=False)


def _warn(before: Settings, after: Settings, told: Mapping[str, Any], *, was_signed: bool) -> None:
    """What a person might not expect."""
    old, new = told["before"], told["after"]
    if was_signed and not told["signed"]:
        note("the model was signed and the new one is not: sign it with 'model sign', or tune it with --key")
    if new["threshold_bits"] != old["threshold_bits"] and not before.measured:
        note(
            "this model has no measured budget curve: false alerts an hour are extrapolated (a bit halves them), not verified"
        )
        # On 78 s of a recorded car learned for 75 s, 3.3 bits less gave 5 alerts: 230 an hour and not 10.
        if new["threshold_bits"] < old["threshold_bits"]:
            note("warning: below the threshold that was learned they can grow far faster than that")
    if old["unknown_ids_alert"] and not new["unknown_ids_alert"]:
        note(
            "warning: at this threshold an unknown id alone raises no alert; deny ids that must not be there"
        )
    denied = [key_text(key) for key in sorted(_denied(after) - _denied(before))]
    if denied:
        named = ", ".join(denied[:4]) + f" and {len(denied) - 4} more" * (len(denied) > 4)
        note(f"warning: the clean traffic has {named}, now denied: each frame raises an alert")
    lost = old["ids_watched_for_silence"] - new["ids_watched_for_silence"]
    if lost > 0:
        note(f"warning: the silence of {lost} ids is no longer watched at this threshold")
    if len(before.history) == HISTORY and after.history != before.history:
        note(f"the history keeps the last {HISTORY} changes: the oldest was dropped")


def _denied(known: Settings) -> set[int]:
    """Ids of the clean traffic that are denied as a whole."""
    return {key for key in known.fingerprint.keys.tolist() if known.rules.of_id(key) == DENY}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
