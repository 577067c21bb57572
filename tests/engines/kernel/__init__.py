"""Tests of the kernel engine."""
