"""What the device does, on this machine: frontend, events, generated models, and the folder that a detector is."""
