"""Model files -> `Graph`. One folder per file format; each offers one function `load_<format>`. Next: `compiler/graph`."""
