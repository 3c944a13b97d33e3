import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import sealing
from chassis.sealing import Envelope, Unreadable, Vault, format_keys, new_key, new_key_pair, parse_keys, seal_for

ABOUT = "c_aaaaaaaaaaaaaaaaaaaaaaaaaa/1"


@given(st.binary(max_size=2000), st.text(max_size=60))
def test_a_vault_gives_back_what_was_sealed(value, about):
    vault = Vault({"k1": new_key()})

    assert vault.open(vault.seal(value, about=about), about=about) == value


@given(st.binary(max_size=2000), st.text(max_size=60))
def test_an_envelope_gives_back_what_was_sealed(value, about):
    private, public = new_key_pair()

    assert Envelope({"n1": private}).open(seal_for({"n1": public}, value, about=about), about=about) == value


def test_the_same_value_is_never_sealed_the_same_way_twice():
    vault = Vault({"k1": new_key()})
    _, public = new_key_pair()

    assert vault.seal(b"x", about=ABOUT) != vault.seal(b"x", about=ABOUT)
    assert seal_for({"n1": public}, b"x", about=ABOUT) != seal_for({"n1": public}, b"x", about=ABOUT)


def test_a_value_sealed_for_another_case_or_revision_does_not_open():
    vault = Vault({"k1": new_key()})
    private, public = new_key_pair()

    with pytest.raises(Unreadable, match="broken-seal"):
        vault.open(vault.seal(b"x", about=ABOUT), about="c_bbbbbbbbbbbbbbbbbbbbbbbbbb/1")
    with pytest.raises(Unreadable, match="broken-seal"):
        Envelope({"n1": private}).open(seal_for({"n1": public}, b"x", about=ABOUT), about=ABOUT[:-1] + "2")


def test_the_first_key_seals_and_the_previous_one_still_opens():
    old, new = new_key(), new_key()
    sealed_before = Vault({"k1": old}).seal(b"x", about=ABOUT)
    (old_private, old_public), (new_private, new_public) = new_key_pair(), new_key_pair()
    letter_before = seal_for({"n1": old_public}, b"x", about=ABOUT)

    vault = Vault({"k2": new, "k1": old})
    assert vault.seal(b"x", about=ABOUT)["key"] == "k2"
    assert vault.open(sealed_before, about=ABOUT) == b"x"
    assert seal_for({"n2": new_public, "n1": old_public}, b"x", about=ABOUT).startswith("n2.")
    assert Envelope({"n2": new_private, "n1": old_private}).open(letter_before, about=ABOUT) == b"x"


def test_a_key_that_is_gone_is_said_to_be_unknown():
    sealed = Vault({"k1": new_key()}).seal(b"x", about=ABOUT)
    _, public = new_key_pair()

    with pytest.raises(Unreadable, match="key-unknown"):
        Vault({"k2": new_key()}).open(sealed, about=ABOUT)
    with pytest.raises(Unreadable, match="key-unknown"):
        Envelope({}).open(seal_for({"n1": public}, b"x", about=ABOUT), about=ABOUT)


def test_another_key_under_the_same_id_opens_nothing():
    private, _ = new_key_pair()
    _, public = new_key_pair()

    with pytest.raises(Unreadable, match="broken-seal"):
        Vault({"k1": new_key()}).open(Vault({"k1": new_key()}).seal(b"x", about=ABOUT), about=ABOUT)
    with pytest.raises(Unreadable, match="broken-seal"):
        Envelope({"n1": private}).open(seal_for({"n1": public}, b"x", about=ABOUT), about=ABOUT)


@pytest.mark.parametrize("text", ["", "n1", "n1.", "n1.!!!", ".", "n1.AAAA", "n1." + "A" * 43, "n1.ä"])
def test_what_is_no_envelope_is_unreadable_and_nothing_else(text):
    private, _ = new_key_pair()

    with pytest.raises(Unreadable):
        Envelope({"n1": private}).open(text, about=ABOUT)


@pytest.mark.parametrize(
    "change", [{"nonce": ""}, {"nonce": "!!"}, {"sealed": "AAAA"}, {"sealed": None}, {"key": "k9"}]
)
def test_a_damaged_vault_value_is_unreadable_and_nothing_else(change):
    vault = Vault({"k1": new_key()})

    with pytest.raises(Unreadable):
        vault.open(vault.seal(b"x", about=ABOUT) | change, about=ABOUT)


def test_keys_are_read_in_their_order():
    keys = {"k2": new_key(), "k1": new_key()}

    assert list(parse_keys(format_keys(keys)).items()) == list(keys.items())


SHORT = base64.b64encode(b"secret-but-short").decode()


@pytest.mark.parametrize(
    "text", ["", "k1", "k1=", f"k1={SHORT}", "k1=secret!", f"K1={format_keys({'x': bytes(32)})[2:]}", "k1=\u4e2d"]
)
def test_a_bad_key_setting_is_refused_without_echoing_it(text):
    with pytest.raises(ValueError, match="key 1") as refused:
        parse_keys(text)

    assert "secret" not in str(refused.value)
    assert SHORT not in str(refused.value)


def test_a_key_id_stands_once():
    one = format_keys({"k1": new_key()})

    with pytest.raises(ValueError, match="key 2"):
        parse_keys(f"{one},{one}")


def test_new_keys_fit_together(capsys):
    assert sealing.main(["new-keys"]) == 0

    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    letter = seal_for(parse_keys(lines["INTAKE_NOTIFY_PUBLIC_KEYS"]), b"x", about=ABOUT)
    assert Envelope(parse_keys(lines["NOTIFY_PRIVATE_KEYS"])).open(letter, about=ABOUT) == b"x"
    assert lines["INTAKE_PSEUDONYM_KEYS"] == lines["COMPETITION_PSEUDONYM_KEYS"]
    assert all(len(key) == 32 for value in lines.values() for key in parse_keys(value).values())
