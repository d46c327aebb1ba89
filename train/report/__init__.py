"""The results of an evaluation: text, an HTML page, and files for other programs."""
