"""Whether NATS has a message on disk before it says so: what readiness warns about.

In: the server's monitoring address. Out: a warning in plain words, or None. By default JetStream
writes to disk every two minutes, and a power loss takes with it what it acknowledged since.
"""

import ssl

import httpx

_WITHIN = 2.0
"""Seconds: readiness waits for it."""
_REMEDY = "the jetstream block of its configuration needs `sync_interval: always`"


async def durability_warning(monitor_url: str | None, tls: ssl.SSLContext | None) -> str | None:
    """What to know about the server's way of writing to disk; None if it loses nothing.

    Args:
        monitor_url: `http://host:8222`, whose `/jsz` tells; None if it is not known.
        tls: whom to trust over https; None: the authorities of the system.
    """
    if monitor_url is None:
        return _unknown("no monitoring address is set")
    try:
        async with httpx.AsyncClient(timeout=_WITHIN, verify=tls or True) as client:
            answer = await client.get(f"{monitor_url.rstrip('/')}/jsz", params={"config": "true"})
            config = answer.raise_for_status().json()["config"]
            always = config.get("sync_always") is True
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, AttributeError, TypeError):
        return _unknown("its monitoring address gives no answer that says so")
    if always:
        return None
    return f"NATS acknowledges messages that a power loss takes with it: {_REMEDY}"


def _unknown(why: str) -> str:
    return f"whether NATS keeps what it acknowledged is not known, as {why}: {_REMEDY}"
