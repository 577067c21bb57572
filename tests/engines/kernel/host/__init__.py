"""Our devices and filters on the host."""
