"""Building on other machines: the same `ArtifactBuilder` as on this one, with a tracker and its builders in between.

    BuildRequest --text--> tracker --> builder (`builder_member.py`), a pool of killable workers --outcome as bytes--> Built

Needs the extra packages of the fleet, as `measure.remote` does. `python -m measure.remote_builds` is `tilewright builder`.
"""

from measure.remote_builds.build_text import BuildOrder
from measure.remote_builds.builder_version import describe_builder
from measure.remote_builds.remote_builder import RemoteBuilder, RemoteBuilderOptions

__all__ = ["BuildOrder", "RemoteBuilder", "RemoteBuilderOptions", "describe_builder"]
