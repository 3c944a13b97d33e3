"""The first process of a container: the service named by SERVICE, with the role that was given.

A first process has no default reaction to signals: until the service has its own, SIGTERM would be lost, and whoever
stops a container that is just starting would wait for the whole grace time.
"""

import os
import runpy
import signal
import sys

if __name__ == "__main__":
    # Not 0: a job that was stopped here has not done its work.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    module = f"services.{os.environ['SERVICE']}.main"
    sys.argv[0] = module
    runpy.run_module(module, run_name="__main__", alter_sys=True)
