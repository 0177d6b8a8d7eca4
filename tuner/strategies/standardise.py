"""Features on one scale, so that distances between candidates mean something."""

import numpy as np

from tuner.cost_models import Matrix


def standardised(rows: Matrix, like: Matrix | None = None) -> Matrix:
    """Columns of mean 0 and deviation 1 over `like` (the rows themselves by default); what is missing stands at the mean."""
    sample = rows if like is None else like
    known = np.isfinite(sample)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, sample, 0.0).sum(axis=0) / counts
    deviation = np.sqrt(np.square(np.where(known, sample - mean, 0.0)).sum(axis=0) / counts)
    scaled = (rows - mean) / np.where(deviation > 1e-9, deviation, np.inf)
    return np.where(np.isfinite(rows), scaled, 0.0)
