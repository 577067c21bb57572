"""Live tests of what a user sees, which every engine passes."""
