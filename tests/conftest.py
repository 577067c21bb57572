"""What every test shares: how hypothesis searches."""

from hypothesis import settings

# The first call of a kernel may compile it, which takes seconds: no deadline for a single example.
settings.register_profile("mirrorplane", deadline=None)
settings.load_profile("mirrorplane")
