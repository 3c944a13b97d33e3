"""A data file on this machine that one process owns."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

NETWORK = {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
NETWORK |= {"nfs4", "ocfs2", "orangefs", "smb", "smb2", "smb3", "smbfs"}
NETWORK_FUSE = ("sshfs", "s3fs", "glusterfs", "ceph", "rclone", "gcsfuse", "davfs", "juicefs", "seaweedfs")
MOUNTS = Path("/proc/mounts")


class FileRefused(Exception):
    """A data file that must not be used as it is; the message names the file and says what to do."""


def refuse_network_file_system(path: Path, mounts: Path = MOUNTS) -> None:
    """Locks and shared memory of a database are not safe across machines. Without a list of mounts nothing is known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    real = path.resolve()
    best, kind = Path("/"), ""
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if real.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, parts[2]
    base, _, fuse = kind.partition(".")
    if base in NETWORK or (base == "fuse" and any(fuse.startswith(name) for name in NETWORK_FUSE)):
        raise FileRefused(f"{path} lies on a network file system ({kind} at {best}); use a local disk")


def own(path: Path) -> int:
    """Locks `<path>.lock` until the process ends or this descriptor is closed. FileRefused if another has it."""
    side = path.with_name(path.name + ".lock")
    descriptor = os.open(side, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise FileRefused(f"{path} is in use by process {owner or 'unknown'}; only one process may write it") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
