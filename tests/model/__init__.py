"""Tests of what a user may say, and of the words that refuse the rest."""
