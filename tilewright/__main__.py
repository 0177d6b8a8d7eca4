"""`python -m tilewright` is the same as the `tilewright` command."""

from tilewright.cli import main

main()
