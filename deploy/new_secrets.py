"""What a set of containers must know and nobody else: keys, logins of the stores, and an empty file of callers.

`deploy/new-secrets` runs this once in an image of the project. Nothing that is there is ever replaced: the stores hold
what only their keys open.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis import sealing

STORES = ("intake", "equivalence", "competition", "notify")
OWNER_ONLY, MOUNTED = 0o600, 0o644


def new_files() -> dict[str, tuple[int, str]]:
    """Name -> (mode, content).

    What is mounted into a container is read there by another user id, so its mode lets everybody read; the folder,
    mode 700, lets nobody but its owner come as far.
    """
    files = {name.lower(): (MOUNTED, value + "\n") for name, value in sealing.new_environment().items()}
    for store in STORES:
        password = secrets.token_urlsafe(32)
        url = f"mongodb://{store}:{password}@{store}-db:27017/{store}?authSource=admin&w=majority"
        login = f"MONGO_INITDB_ROOT_USERNAME={store}\nMONGO_INITDB_ROOT_PASSWORD={password}\n"
        files[f"{store}_store_url"] = (MOUNTED, url + "\n")
        files[f"{store}_db.env"] = (OWNER_ONLY, login)
    files["callers/callers.json"] = (MOUNTED, '{"clients": []}\n')
    return files


def main(arguments: Sequence[str]) -> int:
    """0 when all files are there, made now or before; 1 when some are and some are not."""
    folder = Path(arguments[0])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = new_files()
    there = sorted(name for name in files if (folder / name).exists())
    if len(there) == len(files):
        print("The secrets are there already; nothing was changed.")
        return 0
    if there:
        gone = ", ".join(sorted(files.keys() - set(there)))
        print(f"Some secrets are there and some are not ({gone}). Put them back, or move the folder away.")
        return 1
    for name, (mode, content) in files.items():
        _write(folder / name, mode, content)
    print(
        f"Made {len(files)} files. Keep them like passwords, and a copy elsewhere: without them the data stay sealed."
    )
    return 0


def _write(path: Path, mode: int, content: str) -> None:
    if not path.parent.exists():
        path.parent.mkdir()
        path.parent.chmod(0o755)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
        file.write(content)
    path.chmod(mode)  # whatever the umask is


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
