"""The network, what it is trained on, and the steps of its training."""
