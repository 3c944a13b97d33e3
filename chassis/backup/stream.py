"""A backup as one stream, for a pipe through another program: a tar of its files, the manifest last."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from chassis.backup.files import MANIFEST, BackupRefused


def pack(folder: Path, out: IO[bytes]) -> None:
    """Raises OSError when nobody reads any more."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names.remove(MANIFEST)
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for name in [*names, MANIFEST]:  # a stream that was cut off lacks it, and is refused
            tar.add(folder / name, arcname=name, recursive=False, filter=_of_nobody)
    out.flush()


def unpack(source: IO[bytes], folder: Path) -> None:
    """Into a folder that is there and empty. Raises BackupRefused for what is no such stream, or not the whole."""
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                found = tar.extractfile(member)
                if found is None or not _is_ours(PurePosixPath(member.name)):
                    raise BackupRefused("what came in is no backup: it holds more than files of a backup")
                path = folder / member.name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    shutil.copyfileobj(found, file)
    except (tarfile.TarError, EOFError, ValueError, FileExistsError) as why:
        raise BackupRefused(f"what came in is no whole backup: {type(why).__name__}") from None


def _is_ours(name: PurePosixPath) -> bool:
    """manifest.json, or <service or topics>/<file>."""
    return not name.is_absolute() and len(name.parts) <= 2 and ".." not in name.parts


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member
