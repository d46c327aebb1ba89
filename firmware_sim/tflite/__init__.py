"""Read an untrusted .tflite file into plain dataclasses."""
