"""What came of one operator, and the tables of `past_vendors.py`. In: `VendorRow`s. Out: text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.tables import Cell, milliseconds, table
from benchmarks.vendor_sections import SECTIONS, VENDORS, WINOGRAD_PEER, Section

OURS = "tilewright"
MAX_ERROR = 1e-4  # relative to the largest output, against float64
ABSENT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRow:
    """secs: by library, ours among them, less its call_secs. errors: against float64. form: the algorithm, as in F(4x4,3x3).

    gflop: of the direct algorithm. asked_share: of the ceiling; None where nothing is asked for.
    """

    section: str
    name: str
    gflop: float
    secs: Mapping[str, float]
    call_secs: Mapping[str, float]
    errors: Mapping[str, float]
    form: str
    ceiling_gflops: float
    asked_share: float | None
    trials: int

    @property
    def gflops(self) -> float:
        """Effective: of the direct algorithm's operations."""
        return self.gflop / self.secs[OURS]

    @property
    def share(self) -> float:
        return self.gflops / self.ceiling_gflops

    def ratio(self, peers: Sequence[str]) -> float | None:
        """The fastest one's time as a multiple of ours; None where none of them ran."""
        found = [self.secs[name] for name in peers if name in self.secs]
        return min(found) / self.secs[OURS] if found else None

    def cells(self, names: Sequence[str]) -> list[Cell | str]:
        section = SECTIONS[self.section]
        theirs = [error for name, error in self.errors.items() if name != OURS]
        return [
            self.name,
            milliseconds(self.secs[OURS]),
            f"{self.gflops:.0f}",
            Cell(f"{self.share:.0%}", self.asked_share is not None and self.share < self.asked_share),
            self.form,
            *(f"{milliseconds(self.secs[name])} = {self.ratio([name]):.2f}x" if name in self.secs else ABSENT for name in names),
            *(self._ratio_cell(section, peers) for peers in _groups(names)),
            Cell(f"{self.errors[OURS]:.0e}", self.errors[OURS] > MAX_ERROR),
            f"{max(theirs):.0e}" if theirs else ABSENT,
            str(self.trials),
        ]

    def _ratio_cell(self, section: Section, peers: tuple[str, ...]) -> Cell | str:
        ratio = self.ratio(peers)
        return ABSENT if ratio is None else Cell(f"{ratio:.2f}x", ratio < section.floor(peers))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "gflops": self.gflops, "share": self.share}


def vendor_tables(rows: Sequence[VendorRow], names: Sequence[str]) -> list[str]:
    """names: of the libraries that ran. One table per section, then the goals of the sections that are complete."""
    tables = []
    for section in SECTIONS.values():
        some = [row for row in rows if row.section == section.name]
        if some:
            header = (f"{section.name}, 1 thread", "ms", "GFLOP/s", "share", "form", *names, *map(_title, _groups(names)))
            tables.append(table((*header, "error", "theirs", "trials"), [row.cells(names) for row in some], _floors(section, names)))
    quotas = [line for section in SECTIONS.values() for line in quota_cells(section, rows)]
    if quotas:
        tables.append(table(("goals", "against", "ratio", "on", "reached"), quotas, "short of the goal"))
    return tables


def quota_cells(section: Section, rows: Sequence[VendorRow]) -> list[list[Cell | str]]:
    """A line per goal; none where kernels of the section, or libraries of the goal, are missing."""
    some = [row for row in rows if row.section == section.name]
    if len(some) < len(section.kernels):
        return []
    lines: list[list[Cell | str]] = []
    for quota in section.quotas:
        ratios = [row.ratio(quota.peers) for row in some if all(name in row.secs for name in quota.peers)]
        if len(ratios) < len(some):
            continue
        needed, reached = quota.needed(len(some)), quota.reached([ratio for ratio in ratios if ratio is not None])
        asked = "all" if quota.kernels is None else str(quota.kernels)
        cell = Cell(f"{reached} of {len(some)}", reached < needed)
        lines.append([section.name, quota.against, f"{quota.ratio:.2f}x", asked, cell])
    return lines


def _groups(names: Sequence[str]) -> list[tuple[str, ...]]:
    return [group for group in (VENDORS, WINOGRAD_PEER) if any(name in names for name in group)]


def _title(group: tuple[str, ...]) -> str:
    return "vendors" if group == VENDORS else f"vs {group[0]}"


def _floors(section: Section, names: Sequence[str]) -> str:
    ratios = [f"{section.floor(group):.2f}x of {' and '.join(group)}" for group in _groups(names)]
    return f"below {', '.join([*ratios, 'the share of the ceiling that is asked for'])}, or an error above {MAX_ERROR:.0e}"
