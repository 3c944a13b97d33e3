"""Is there a Docker engine?"""

import functools
import os

# What testcontainers reads when it is imported: no reaper image needed, and URLs name the host's published ports.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

LIMIT_SECONDS = 30
CALL_SECONDS = 300  # of one call: an engine that builds for others may take its time
PATIENT = {"timeout": CALL_SECONDS}  # for the client of testcontainers


@functools.cache
def docker_answers() -> bool:
    """Asked once per process, 30 s at most."""
    import docker  # type: ignore[import-untyped,unused-ignore]

    try:
        client = docker.from_env(timeout=LIMIT_SECONDS)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


@functools.cache
def image_is_there(image: str) -> bool:
    """Is the image on this machine, or can it be pulled? `image`: name:tag."""
    import docker  # type: ignore[import-untyped,unused-ignore]

    client = docker.from_env(timeout=CALL_SECONDS)
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        try:
            client.images.pull(image)
        except (docker.errors.DockerException, OSError):
            return False
    finally:
        client.close()
    return True
