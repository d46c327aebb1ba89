"""From labelled recordings to a trained detector and its evaluation."""
