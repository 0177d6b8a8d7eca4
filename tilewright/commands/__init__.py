"""The commands of the `tilewright` command line, one per file."""
