"""A detector on boards: simulated, compared with this machine, and measured."""
