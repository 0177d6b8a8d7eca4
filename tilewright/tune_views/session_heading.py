"""What is known of a session before its first event: shown once, on top."""

from dataclasses import dataclass

from compiler.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHeading:
    """database: its URL without the password."""

    model: str
    target: Target
    database: str
    tuner: str

    def __str__(self) -> str:
        threads = f"{self.target.cores} thread{'s' if self.target.cores != 1 else ''}"
        return f"tuning {self.model} for {self.target.cpu}, {threads}, with {self.tuner}, into {self.database}"

    def to_json(self) -> dict[str, object]:
        return {
            "model": self.model,
            "target": str(self.target),
            "threads": self.target.cores,
            "database": self.database,
            "tuner": self.tuner,
        }
