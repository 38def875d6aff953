"""What to type next, when a board runs its application."""

from __future__ import annotations

from canbean.cli.output import results

NEXT = {
    "gateway": "canbean board monitor --port {port} --alerts alerts.jsonl",
    "roastmeter": "canbean roast read --port {port}",
    "model": "canbean board settings --port {port}",
}


def tell_next(app: object, port: str) -> None:
    """Print the command for an application, as its hello names it; nothing for one that has none."""
    command = NEXT.get(str(app))
    if command:
        results.print(f"next: {command.format(port=port)}", markup=False)
