"""Tests of the userspace engine."""
