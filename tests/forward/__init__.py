"""Tests of the forward room."""
