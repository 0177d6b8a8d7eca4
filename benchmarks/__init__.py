"""Side by side with other libraries and searches: programs such as `python -m benchmarks.models`; each knows --help, --quick, --json."""
