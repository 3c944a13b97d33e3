"""`python -m local.reference`: writes docs/reference anew from code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from local.reference.everything import FOLDER, documents


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog="python -m local.reference",
        description="Writes docs/reference anew from code: OpenAPI, AsyncAPI, settings, topics, problems, metrics, "
        "scopes and commands. Files that nothing makes any more are removed.",
    ).parse_args(arguments)
    made = documents()
    for path in set(FOLDER.rglob("*.*")) - made.keys():
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} files in {FOLDER.relative_to(FOLDER.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
