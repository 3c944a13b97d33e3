"""The version of this release; the same as in pyproject.toml, which images do not carry."""

VERSION = "0.1.0"
