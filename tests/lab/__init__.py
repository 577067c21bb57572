"""Tests of the lab: they need what a lab needs, and say what of it is missing where they are skipped."""
