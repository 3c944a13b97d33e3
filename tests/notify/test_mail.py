from dataclasses import replace
from email import message_from_bytes, message_from_string, policy
from email.header import Header, decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notify.mail import _LONGEST, Mail, NotAnAddress, Sender, _encoded, checked_address
from tests.notify.builders import START


def a_mail(**changes: str) -> Mail:
    values = {
        "message_id": "m_" + "0" * 32,
        "recipient": "wang@example.test",
        "subject": "职称申报已收到 / Application received",
        "text": "第一行\nSecond line\n",
        "at": START,
    } | changes
    return Mail(sender=Sender("titles@zhicheng.invalid", "职称申报"), **values)


def read(mail: Mail):
    """As a reader of international mail does: headers are UTF-8 (RFC 6532)."""
    return message_from_string(mail.content().decode(), policy=policy.SMTPUTF8)


def test_a_mail_reads_back_as_it_was_meant():
    message = read(a_mail())

    assert str(message["From"]) == "职称申报 <titles@zhicheng.invalid>"
    assert str(message["To"]) == "wang@example.test"
    assert str(message["Subject"]) == "职称申报已收到 / Application received"
    assert message["Message-ID"] == "<m_" + "0" * 32 + "@zhicheng.invalid>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.isoformat() == "2026-03-01T02:00:00+00:00"
    assert message.get_content_charset() == "utf-8"
    assert message.get_content().splitlines() == ["第一行", "Second line"]


def test_a_mail_is_plain_ascii_with_short_lines():
    content = a_mail(text="很长的一行" * 400).content()

    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) < 998


@pytest.mark.parametrize("subject", ["职称申报" * 30, "Application " * 30, "plain"])
@pytest.mark.parametrize("name", ["", "Titles", "职称申报与评审服务中心" * 4, 'A "quoted", name'])
def test_headers_are_folded_and_read_back_whole(subject, name):
    mail = replace(a_mail(subject=subject), sender=Sender("titles@zhicheng.invalid", name))

    head = mail.content().partition(b"\r\n\r\n")[0]

    assert max(len(line) for line in head.split(b"\r\n")) <= 78
    # Not the newer parser: it keeps the space between two encoded words of a name, against RFC 2047.
    raw = message_from_bytes(mail.content())
    assert str(make_header(decode_header(raw["Subject"]))) == subject.strip()
    shown, address = parseaddr(str(make_header(decode_header(raw["From"]))))
    assert (shown, address) == (name, "titles@zhicheng.invalid")


@given(st.one_of(st.text(max_size=200), st.text("职称 Ab9é-/𠮷", max_size=200)), st.sampled_from(["From", "Subject"]))
def test_encoded_words_are_those_of_the_standard_library(text, header):
    assert _encoded(header, text) == Header(text, "utf-8", maxlinelen=_LONGEST, header_name=header).encode(
        linesep="\r\n"
    )


def test_a_repeat_is_the_same_mail_byte_for_byte():
    assert a_mail().content() == a_mail().content()


@given(st.text(max_size=80), st.text(max_size=200))
def test_no_text_becomes_a_header(subject, text):
    message = read(a_mail(subject=subject, text=text))

    assert sorted(message.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Content-Language",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ]
    )


@given(st.text(max_size=80))
@example("\xa1@0")
def test_what_passes_as_an_address_is_one_line_with_one_recipient(text):
    try:
        address = checked_address(text)
    except NotAnAddress as refused:
        assert str(refused) == "not a mail address"
        return
    message = read(a_mail(recipient=address))
    assert len(message["To"].addresses) == 1
    assert message["To"].addresses[0].addr_spec == address


@pytest.mark.parametrize(
    "address", ["a@b.cn", "first.last+tag@mail.example.test", "o'neil@example.test", "用户@example.test"]
)
def test_usual_addresses_pass(address):
    assert checked_address(address) == address


def test_a_chinese_domain_is_written_in_ascii():
    assert checked_address("a@例子.中国") == "a@xn--fsqu00a.xn--fiqs8s"


def test_an_address_that_is_not_ascii_keeps_its_letters():
    message = a_mail(recipient="用户@example.test")

    assert message.international
    assert "用户@example.test".encode() in message.content()
