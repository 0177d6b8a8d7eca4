"""Scripts to read and to copy from: the demo (`python -m examples.demo`) and one tuning script per model.

Run them from the repository's root.
"""
