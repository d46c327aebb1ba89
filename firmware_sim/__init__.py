"""The device, and machines to run it on: C sources, their Python faces, the detector folder, emulated boards."""
