"""Random search: the yardstick of the others."""

from schedule_space import Candidate
from tuner.strategies.search_strategy import Search, register_strategy


@register_strategy("random")
class RandomSearch(Search):
    """Every candidate of the space with the same chance, as far as the space samples evenly."""

    summary = "random candidates"

    def propose(self, count: int) -> list[Candidate]:
        return self.draw(count)
