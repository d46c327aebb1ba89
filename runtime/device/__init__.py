"""A detector on emulated boards and on this machine: simulated, compared and measured."""
