import pytest

from chassis.pseudonyms import Pseudonyms, meet
from chassis.sealing import format_keys

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


def test_a_document_has_one_pseudonym_per_active_key():
    assert Pseudonyms({"p1": KEY, "p2": OTHER}).of("passport", "E12345678") == [
        *Pseudonyms({"p1": KEY}).of("passport", "E12345678"),
        *Pseudonyms({"p2": OTHER}).of("passport", "E12345678"),
    ]


def test_a_pseudonym_is_the_keyed_hash_of_type_and_number():
    """The spelling is a contract between services: a change would split every person in two."""
    assert Pseudonyms({"p1": KEY}).of("passport", "E12345678") == ["p1.x3D55a8O1h1rbu9XJuyfGOIxBZ-OgNUiEIKnOsJSoOA"]


def test_the_same_number_of_another_kind_of_document_is_another_pseudonym():
    pseudonyms = Pseudonyms({"p1": KEY})
    assert pseudonyms.of("passport", "12345678") != pseudonyms.of("taiwan-travel-permit", "12345678")


def test_a_person_known_under_the_old_key_is_met_while_both_keys_are_active():
    old = Pseudonyms({"p1": KEY}).of("passport", "E12345678")
    both = Pseudonyms({"p2": OTHER, "p1": KEY}).of("passport", "E12345678")
    assert meet(old, both)
    assert not meet(old, Pseudonyms({"p2": OTHER}).of("passport", "E12345678"))


@pytest.mark.parametrize("keys", [{}, {"p1": b"short"}, {"p1": KEY, "p2": KEY[:31]}])
def test_a_missing_or_short_key_is_refused(keys):
    with pytest.raises(ValueError, match="key"):
        Pseudonyms(keys)


def test_keys_are_read_from_a_setting():
    pseudonyms = Pseudonyms.parse(format_keys({"p1": KEY, "p2": OTHER}))
    assert pseudonyms.key_ids == ("p1", "p2")
