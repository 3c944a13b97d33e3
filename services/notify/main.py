"""Where the parts of notify meet."""

from __future__ import annotations

from chassis import metrics
from chassis.process import run
from chassis.sealing import Envelope, parse_keys
from chassis.service import Infra, Periodic, Service
from services.notify import api, consumers, officers
from services.notify.channels import Channel, OutboxFolder, Smtp, SmtpServer
from services.notify.consumers import Tell
from services.notify.domain import Backoff
from services.notify.letters import Letters
from services.notify.mail import Sender
from services.notify.resending import SendAgain
from services.notify.settings import Settings
from services.notify.store import COLLECTION, INDEXES, ToldCases
from services.notify.use_cases.deliver import Deliver, Pace
from services.notify.use_cases.in_hand import InHand
from services.notify.use_cases.posting import Posting
from services.notify.use_cases.settling import Settling
from services.notify.use_cases.sweeps import Count, RemoveStones


def build(settings: Settings, infra: Infra) -> Service:
    letters = Letters(office=settings.office)
    cases = ToldCases(infra.store, infra.author)
    way_out = channel(settings)
    backoff = Backoff(settings.attempts, settings.retry_seconds, settings.retry_factor, settings.retry_longest_seconds)
    pace = Pace(backoff, lease=settings.lease_seconds, at_once=settings.smtp_connections)
    envelope = Envelope(parse_keys(settings.private_keys.get_secret_value()))
    posting = Posting(way_out, letters, envelope, Sender(settings.sender, settings.sender_name))
    in_hand = InHand(most=pace.in_hand, more=pace.at_once, begin_seconds=pace.begin_seconds)
    held = settings.sending == "held"
    metrics.SENDING_HELD.labels("notify").set(held)
    if held:
        in_hand.close()  # nothing is claimed
        infra.health.halted["sending"] = "messages are queued and none is sent: NOTIFY_SENDING=held"
    deliver = Deliver(cases, posting, Settling(cases, infra.clock, backoff), in_hand, infra.clock, pace)
    return Service(
        name="notify",
        collection=COLLECTION,
        indexes=INDEXES,
        routers=[api.routes(cases, letters), officers.routes(cases, SendAgain(cases, infra.clock))],
        subscriptions=consumers.subscriptions(Tell(letters, infra.clock, in_hand, pace)),
        saved=deliver.saved,
        problems={**api.PROBLEMS, **officers.PROBLEMS},
        ways_out=[way_out],
        periodic=[
            *([] if held else [Periodic("sweep", settings.sweep_seconds, deliver.sweep)]),
            Periodic("count", 5.0, Count(cases, infra.clock)),
            Periodic("remove-stones", 3600.0, RemoveStones(cases, infra.clock, settings.stone_days)),
        ],
        finish=deliver.finish,
    )


def channel(settings: Settings) -> Channel:
    """SMTP where an address is set, else the folder."""
    if not settings.smtp_url:
        return OutboxFolder(settings.outbox_dir)
    host, port = settings.smtp_address
    return Smtp(
        SmtpServer(
            host,
            port,
            tls=settings.smtp_tls,
            user=settings.smtp_user.get_secret_value(),
            password=settings.smtp_password.get_secret_value(),
            ca_file=settings.smtp_ca_file,
            seconds=settings.smtp_seconds,
        )
    )


if __name__ == "__main__":
    run("notify", Settings, build)
