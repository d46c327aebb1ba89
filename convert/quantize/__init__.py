"""From a float32 model and samples to an int8 .tflite, and what that loses."""
