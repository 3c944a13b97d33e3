"""Is there a Docker engine?"""

import functools
import os

# What testcontainers reads when it is imported: no reaper image needed, and URLs name the host's published ports.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

LIMIT_SECONDS = 3


@functools.cache
def docker_answers() -> bool:
    """Asked once per process, 3 s at most."""
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

    client = docker.from_env()
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
