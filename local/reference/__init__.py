"""The reference in docs/reference, made from code: `python -m local.reference` writes all of it anew."""
