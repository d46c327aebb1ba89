"""From a step function to an int8 .tflite to standalone C99."""
