"""The tests of mirrorplane."""
