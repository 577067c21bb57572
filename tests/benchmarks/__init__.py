"""Tests of the measurements: what they say, not how fast anything is."""
