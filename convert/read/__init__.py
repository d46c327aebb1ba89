"""A .tflite file, read without trust, as plain dataclasses."""
