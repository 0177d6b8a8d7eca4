"""The cheapest division of a network's nodes into two sides. In: capacities. Out: the source's side. Used by `choose_layouts.py`."""

from collections import defaultdict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

UNCUTTABLE = 1 << 60

NodeId = TypeVar("NodeId", bound=Hashable)


class FlowNetwork(Generic[NodeId]):
    """Directed edges with integer capacities; parallel edges add up."""

    def __init__(self) -> None:
        self._residual: dict[NodeId, dict[NodeId, int]] = defaultdict(lambda: defaultdict(int))

    def connect(self, tail: NodeId, head: NodeId, capacity: int) -> None:
        """Cutting the edge (tail on the source's side, head on the sink's) costs `capacity`."""
        self._residual[tail][head] = min(UNCUTTABLE, self._residual[tail][head] + capacity)
        self._residual[head][tail] += 0

    def _shortest_path(self, source: NodeId, sink: NodeId) -> dict[NodeId, NodeId] | None:
        came_from: dict[NodeId, NodeId] = {source: source}
        queue = deque([source])
        while queue:
            node = queue.popleft()
            for neighbour, capacity in self._residual[node].items():
                if capacity > 0 and neighbour not in came_from:
                    came_from[neighbour] = node
                    if neighbour == sink:
                        return came_from
                    queue.append(neighbour)
        return None

    def source_side(self, source: NodeId, sink: NodeId) -> set[NodeId]:
        """The largest source side among the cheapest cuts (Edmonds and Karp 1972). Consumes the capacities."""
        while (came_from := self._shortest_path(source, sink)) is not None:
            path = [sink]
            while path[-1] != source:
                path.append(came_from[path[-1]])
            edges = list(zip(path[1:], path[:-1], strict=True))
            amount = min(self._residual[tail][head] for tail, head in edges)
            for tail, head in edges:
                self._residual[tail][head] -= amount
                self._residual[head][tail] += amount
        reaches_sink, queue = {sink}, deque([sink])
        while queue:
            head = queue.popleft()
            for tail in self._residual[head]:
                if tail not in reaches_sink and self._residual[tail][head] > 0:
                    reaches_sink.add(tail)
                    queue.append(tail)
        return set(self._residual) - reaches_sink
