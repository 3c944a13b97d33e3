"""Real servers for every kind of test, and the report header that names them."""

from tests.servers import kafka, mailpit
from tests.servers.kafka import kafka_server, own_kafka
from tests.servers.mailpit import mail_server

__all__ = ["kafka_server", "mail_server", "own_kafka"]


def pytest_report_header() -> list[str]:
    return [kafka.plan(), mailpit.plan()]
