"""A planned model as C99 that people read."""
