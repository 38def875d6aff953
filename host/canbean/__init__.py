"""Tiny anomaly detectors and meters: trained on a laptop, run on a three-dollar board."""

__version__ = "0.1.0"
