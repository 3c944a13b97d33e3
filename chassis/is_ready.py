"""`python -S -m chassis.is_ready [PORT]`: ends with 0 when the service on this machine can take work, else with 1.

For health checks of containers: sockets alone, so that asking every few seconds costs next to nothing.
"""

from __future__ import annotations

import socket
import sys

HOST = "127.0.0.1"
PORT = 8000
SECONDS = 3.0
QUESTION = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def is_ready(port: int) -> bool:
    """False too when nobody answers within the time."""
    try:
        with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
            connection.sendall(QUESTION)
            with connection.makefile("rb") as answer:
                return answer.readline().split()[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(sys.argv[1]) if len(sys.argv) > 1 else PORT) else 1)
