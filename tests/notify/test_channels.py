"""Channels against real SMTP servers over TCP."""

import asyncio
import datetime
import ipaddress
import logging
import ssl
import uuid
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.notify.channels import OutboxFolder, Permanent, Smtp, SmtpServer, Temporary
from tests.notify.builders import Corner, determined, sealed, submitted
from tests.notify.smtp_servers import Handler, free_port, smtp_server
from tests.notify.test_mail import a_mail
from tests.servers.mailpit import MailServer


def smtp(port: int, *, seconds: float = 10.0, **more: object) -> Smtp:
    return Smtp(SmtpServer("127.0.0.1", port, **{"tls": "none", "seconds": seconds, **more}))  # type: ignore[arg-type]


async def test_a_mail_arrives_as_it_was_written():
    handler = Handler()
    with smtp_server(handler) as port:
        await smtp(port).send(a_mail())

    message = message_from_bytes(handler.mails[0], policy=policy.default)
    assert handler.recipients == ["wang@example.test"]
    assert message["Message-ID"] == "<m_" + "0" * 32 + "@zhicheng.invalid>"
    assert message.get_content().splitlines() == ["第一行", "Second line"]


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"rcpt": ["450 4.2.1 wang@example.test is busy"]}, Temporary, "smtp-450"),
        ({"rcpt": ["550 5.1.1 wang@example.test unknown"]}, Permanent, "smtp-550"),
        ({"data": ["451 4.3.0 later, wang@example.test"]}, Temporary, "smtp-451"),
        ({"data": ["554 5.7.1 no, wang@example.test"]}, Permanent, "smtp-554"),
    ],
)
async def test_a_refusal_is_told_by_its_number_alone(answers, kind, code):
    handler = Handler(**answers)
    with smtp_server(handler) as port:
        channel = smtp(port)
        with pytest.raises(kind) as refused:
            await channel.send(a_mail())
        await channel.send(a_mail())  # the next one goes through
        await channel.rest()

    assert refused.value.code == code
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert len(handler.mails) == 1


async def test_a_server_that_is_away_is_temporary():
    with pytest.raises(Temporary, match="not-reachable"):
        await smtp(free_port()).send(a_mail())


async def test_a_server_that_hangs_is_left_in_time():
    started = asyncio.get_running_loop().time()
    with smtp_server(Handler(hang=True)) as port, pytest.raises(Temporary, match="timeout"):
        await smtp(port, seconds=0.5).send(a_mail())

    assert asyncio.get_running_loop().time() - started < 30


async def test_a_server_that_never_greets_is_left_in_time():
    """It accepts the connection and says nothing."""
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]

    with pytest.raises(Temporary, match="timeout"):
        await smtp(port, seconds=0.5).send(a_mail())

    for writer in held:
        writer.close()
    silent.close()
    await silent.wait_closed()


async def test_a_connection_dropped_after_data_is_temporary():
    handler = Handler(drop_after_data=True)
    with smtp_server(handler) as port, pytest.raises(Temporary):
        await smtp(port).send(a_mail())

    assert len(handler.mails) == 1


async def test_mails_in_a_row_share_a_connection():
    handler = Handler()
    with smtp_server(handler) as port:
        channel = smtp(port)
        for _ in range(5):
            await channel.send(a_mail())
        assert handler.connections == 1
        await channel.rest()
        await channel.send(a_mail())
        await channel.rest()

    assert handler.connections == 2
    assert len(handler.mails) == 6


async def test_a_kept_connection_that_died_is_replaced_before_the_mail():
    handler = Handler()
    with smtp_server(handler) as port:
        channel = smtp(port)
        await channel.send(a_mail())
    again = Handler()
    with smtp_server(again) as other:
        channel._server = SmtpServer("127.0.0.1", other, tls="none")
        await channel.send(a_mail())
        await channel.rest()

    assert (len(handler.mails), len(again.mails)) == (1, 1)


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it():
    mail = a_mail(recipient="用户@example.test")
    able, unable = Handler(), Handler()
    with smtp_server(able) as port:
        await smtp(port).send(mail)
    with smtp_server(unable, utf8=False) as port, pytest.raises(Permanent, match="address-not-supported"):
        await smtp(port).send(mail)

    assert able.recipients == ["用户@example.test"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 and the server side that shows it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


async def test_starttls_and_a_login_are_used(certificate):
    public, context = certificate
    handler = Handler()
    with smtp_server(handler, tls=context, login=("notify", "right")) as port:
        await smtp(port, tls="starttls", ca_file=public, user="notify", password="right").send(a_mail())

    assert len(handler.mails) == 1


async def test_a_login_that_is_refused_is_trouble_of_the_settings_and_not_of_the_mail(certificate):
    public, context = certificate
    with smtp_server(Handler(), tls=context, login=("notify", "right")) as port:
        channel = smtp(port, tls="starttls", ca_file=public, user="notify", password="wrong")
        with pytest.raises(Temporary, match="login-refused"):
            await channel.send(a_mail())


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    _, context = certificate
    handler = Handler()
    with smtp_server(handler, tls=context) as port, pytest.raises(Temporary):
        await smtp(port, tls="starttls").send(a_mail())

    assert handler.mails == []


async def test_a_server_without_starttls_gets_nothing_when_it_is_demanded():
    handler = Handler()
    with smtp_server(handler) as port, pytest.raises(Temporary, match="no-session"):
        await smtp(port, tls="starttls").send(a_mail())

    assert handler.mails == []


async def test_the_outbox_folder_holds_one_file_per_message(tmp_path: Path):
    outbox = OutboxFolder(tmp_path / "deep" / "outbox")

    await outbox.send(a_mail(subject="first"))
    await outbox.send(a_mail(subject="again"))
    await outbox.send(a_mail(message_id="m_" + "1" * 32))

    files = sorted(path.name for path in (tmp_path / "deep" / "outbox").iterdir())
    assert files == [f"m_{'0' * 32}.eml", f"m_{'1' * 32}.eml"]
    written = (tmp_path / "deep" / "outbox" / files[0]).read_bytes()
    assert str(message_from_bytes(written, policy=policy.default)["Subject"]) == "again"


async def test_an_outbox_that_cannot_be_written_is_temporary(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(Temporary, match="outbox-not-writable"):
        await OutboxFolder(tmp_path / "file").send(a_mail())


async def test_a_mail_cut_off_after_data_comes_again_with_the_same_message_id(corner: Corner):
    handler = Handler(drop_after_data=True)
    await corner.hear(submitted())
    with smtp_server(handler) as port:
        sweep = corner.sweep(smtp(port))
        await sweep()
        assert await corner.states() == {"received": "queued"}
        corner.clock.pass_seconds(40)
        await sweep()
        await sweep()

    first, second = (message_from_bytes(mail, policy=policy.default)["Message-ID"] for mail in handler.mails)
    assert first == second
    assert await corner.states() == {"received": "delivered"}


async def test_a_server_that_refuses_with_the_address_leaves_no_trace_of_it(corner: Corner, caplog):
    """The server's own words hold the address; logs at DEBUG, the store and the events do not."""
    caplog.set_level(logging.DEBUG)
    handler = Handler(rcpt=["550 5.1.1 wang.xiaoming@example.test unknown", "450 wang.xiaoming@example.test busy"])
    await corner.hear(submitted(), determined())
    with smtp_server(handler) as port:
        await corner.sweep(smtp(port))()

    stored = b"".join([part async for part in corner.store.dump()])
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail.log"))
    assert await corner.states() == {"received": "waiting", "determined1": "queued"}
    assert b"wang.xiaoming" not in stored
    assert "wang.xiaoming" not in ours


async def test_a_real_mail_server_takes_it(corner: Corner, mail_server: MailServer):
    address = f"{uuid.uuid4().hex}@example.test"
    await corner.hear(submitted(contact=sealed(email=address, language="en")), determined())
    channel = Smtp(SmtpServer(mail_server.host, mail_server.smtp_port, tls="none"))
    sweep = corner.sweep(channel)

    await sweep()
    await sweep()

    async with httpx.AsyncClient(base_url=mail_server.api, timeout=60) as inbox:
        found = (await inbox.get("/search", params={"query": f"to:{address}"})).json()["messages"]
        assert len(found) == 2
        mails = [(await inbox.get(f"/message/{one['ID']}")).json() for one in found]
    ids = {f"{message.id}@zhicheng.invalid" for message in (await corner.case()).messages}
    assert {mail["MessageID"] for mail in mails} == ids
    assert any("高级会计师" in mail["Text"] for mail in mails)
    assert all(mail["Subject"].split(" / ")[0].isascii() for mail in mails)
