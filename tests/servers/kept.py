"""`python kept.py PID_FILE COMMAND...`: runs the command and ends it, frozen or not, when whoever started this is gone.

That one holds the other end of standard input and writes nothing; the system closes it however that one dies.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_SECONDS = 10


def main(pid_file: str, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    partly = Path(f"{pid_file}.partly")
    partly.write_text(str(server.pid))
    partly.rename(pid_file)

    def end_with_the_tests() -> None:
        while os.read(0, 1):
            pass
        server.terminate()
        server.send_signal(signal.SIGCONT)
        try:
            server.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=end_with_the_tests, daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    # Another thread may be waiting for standard input when this ends: no tidying up.
    os._exit(main(sys.argv[1], sys.argv[2:]) & 0xFF)
