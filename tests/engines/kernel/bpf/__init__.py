"""Loading programs, reading and writing maps."""
