"""What every client of aiokafka is given."""

from __future__ import annotations

from typing import Any

from chassis.bus_kafka.address import Address
from chassis.bus_kafka.limits import Limits


def options(address: Address, limits: Limits) -> dict[str, Any]:
    """Keyword arguments of aiokafka's producer, consumer and admin client alike."""
    given: dict[str, Any] = {
        "bootstrap_servers": list(address.servers),
        "request_timeout_ms": int(limits.request * 1000),
        "security_protocol": ("SASL_" if address.mechanism else "") + ("SSL" if address.tls else "PLAINTEXT"),
        "ssl_context": address.tls,
    }
    if address.mechanism:
        given["sasl_mechanism"] = address.mechanism
        given["sasl_plain_username"] = address.user
        given["sasl_plain_password"] = address.password
    return given
