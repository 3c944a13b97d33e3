"""A round names a list version and its digest in intake's policy; equivalence holds the list."""

from services.equivalence.policy_files import list_digests
from services.intake.policy import load_rounds


def test_every_round_names_a_list_version_by_the_digest_that_equivalence_publishes() -> None:
    """`python -m services.equivalence.policy_files` prints the digests."""
    published = list_digests()
    for found in load_rounds(include_synthetic=True).values():
        assert published[found.list_version] == found.list_digest, found.id
