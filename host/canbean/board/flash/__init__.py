"""Flashing: from a bare board to an application that runs, step by step, each skipped where its work is done."""

from canbean.board.flash.job import STEPS, Job
from canbean.board.flash.steps import Flash, Outcome

__all__ = ["STEPS", "Flash", "Job", "Outcome"]
