"""`python -m mirrorplane`: the same as the command."""

from mirrorplane.cli import main

if __name__ == "__main__":
    main()
