"""What clean traffic teaches: detectors, learning, calibration, replay and scores."""
