"""Side by side with other libraries: `python -m benchmarks.models`, `.kernels` and `.search`; each knows --help, --quick and --json."""
