"""A detector on boards: simulated, verified against this machine, measured."""
