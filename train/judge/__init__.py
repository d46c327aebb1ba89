"""How good a detector is: matches, scores, thresholds, parity."""
