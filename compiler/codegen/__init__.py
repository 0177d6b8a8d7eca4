"""Code generation: lowered loop nests -> machine code, one folder per kind of target. Next: `compiler/runtime`."""

from compiler.codegen.artifact import ARTIFACT_FORMAT, Artifact, Fact

__all__ = ["ARTIFACT_FORMAT", "Artifact", "Fact"]
