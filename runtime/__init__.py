"""The device loop for a laptop, a Pi, a server: audio in, events out."""
