"""Size: what more of it buys. Here now: error against width, past the point where a network can learn everything by heart."""
