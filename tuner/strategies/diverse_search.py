"""Batches without near-duplicates: the promising candidates are clustered, and one of each cluster is measured.

After Chameleon (Ahn et al., ICLR 2020), which measures the centroids of the candidates that its model likes.
"""

import numpy as np
from sklearn.cluster import KMeans

from schedule_space import Candidate
from tuner.cost_models import Matrix
from tuner.strategies.modelled_search import ModelledSearch, expected_log_secs
from tuner.strategies.search_strategy import register_strategy
from tuner.strategies.standardise import standardised

PROMISING_PER_TRIAL = 8
MAX_PROMISING = 256  # scikit-learn adds up larger sets in an order that depends on the number of threads


@register_strategy("kmeans")
class DiverseSearch(ModelledSearch):
    """Of each cluster the candidate with the least predicted time is measured; before the first time is known, the one at its centre."""

    summary = "cluster what the model likes, measure one of each cluster (as Chameleon does)"

    def propose(self, count: int) -> list[Candidate]:
        self.learn()
        candidates, rows, prediction = self.climb(expected_log_secs)
        promising = min(len(candidates), PROMISING_PER_TRIAL * count, MAX_PROMISING)
        if promising <= count:
            return candidates[:count]
        scores = expected_log_secs(prediction)[:promising]
        return [candidates[position] for position in self._representatives(standardised(rows)[:promising], scores, count)]

    def _representatives(self, rows: Matrix, scores: Matrix, count: int) -> list[int]:
        """Positions, least score first."""
        clusters = KMeans(min(count, len(np.unique(rows, axis=0))), n_init=1, random_state=int(self.rng.integers(1 << 31))).fit(rows)
        chosen = []
        for label, centre in enumerate(clusters.cluster_centers_):
            members = np.flatnonzero(clusters.labels_ == label)
            distances = np.square(rows[members] - centre).sum(axis=1)
            chosen.append(int(members[np.lexsort((distances, scores[members]))[0]]))
        return sorted(chosen)
