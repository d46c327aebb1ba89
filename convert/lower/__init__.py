"""Lower the operators of a graph to operations: kernel calls, moves of blocks, fills."""
