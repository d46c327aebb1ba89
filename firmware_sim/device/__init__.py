"""The device's own work on this machine: frontend, events, generated models, and the detector folder that holds them."""
