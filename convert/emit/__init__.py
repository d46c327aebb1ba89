"""Print a planned model as C99 that people can read."""
