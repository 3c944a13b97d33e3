"""`python -m local.child SERVICE`: one service, that ends when its supervisor is gone.

The supervisor holds the other end of standard input and writes nothing. When it dies, however it dies, the system
closes the pipe, and the service stops as if asked to. Works alike on Linux and macOS.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 20.0


def end_with_the_supervisor() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    module = f"services.{sys.argv[1]}.main"
    threading.Thread(target=end_with_the_supervisor, daemon=True, name="watches-supervisor").start()
    sys.argv = [module, "all"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
