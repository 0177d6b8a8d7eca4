"""Is a path on a network file system? SQLite's write-ahead log needs memory that its processes share: there only one machine may write."""

from collections.abc import Iterable
from pathlib import Path

import psutil

NETWORK_TYPES = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2"),
    *("orangefs", "panfs", "smb2", "smb3", "smbfs", "fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
)


def network_file_system(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str | None:
    """The type of the file system below `path` if it is one of the network's. mounts: (mount point, type), the system's by default."""
    table = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)] if mounts is None else list(mounts)
    parents = [str(parent) for parent in (path.resolve(), *path.resolve().parents)]
    types = dict(table)
    kind = next((types[parent] for parent in parents if parent in types), "")
    return kind if kind.lower() in NETWORK_TYPES else None
