"""The network, the data that it is trained on, and its training."""
