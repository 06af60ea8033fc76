"""Where outgoing requests may go: public addresses, and what the settings allow by name.

The name is resolved once, every address is checked, and the request goes to the checked address,
so that a second answer of the name server cannot lead it elsewhere (SSRF, DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from activity_core.core.errors import BadInputError

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")
_IPV6_INTERNET = ip_network("2000::/3")


class ForbiddenTargetError(BadInputError):
    """An address that outgoing requests may not reach."""

    code = "target_forbidden"
    status = 403


@dataclass(frozen=True, slots=True)
class AllowList:
    """Networks and host names beyond the public internet: `10.1.0.0/16`, `mail.internal`."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Sequence[str]) -> "AllowList":
        """Sort entries into networks and names."""
        networks, hosts = [], set()
        for entry in entries:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                hosts.add(entry.lower())
        return cls(tuple(networks), frozenset(hosts))

    def permits(self, host: str, address: Address) -> bool:
        """Public, or allowed by name or network."""
        ends = _end(address)
        return (
            _is_public(ends)
            or host in self.hosts
            or any(one in network for one in (address, ends) for network in self.networks)
        )


def _end(address: Address) -> Address:
    """Where packets end up: some IPv6 addresses only wrap an IPv4 one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    # Beyond 2000::/3 Python calls much global that is only unassigned, or leads into a site.
    reachable = isinstance(address, IPv4Address) or address in _IPV6_INTERNET
    return reachable and address.is_global and not address.is_multicast


class GuardedTransport(httpx.AsyncBaseTransport):
    """Checks, then connects to the very address that was checked. No connection is kept."""

    def __init__(self, allowed: AllowList) -> None:
        self._allowed = allowed
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            ForbiddenTargetError: some address of the host is not allowed.
            httpx.ConnectError: the host has no address, or nobody answers there.
        """
        host = request.url.host
        try:
            address = await checked_address(host, self._allowed)
        except OSError as error:
            raise httpx.ConnectError(f"{host} has no address: {error.strerror}") from error
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(address))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


async def checked_address(host: str, allowed: AllowList) -> Address:
    """Where to connect to for a host.

    Raises:
        ForbiddenTargetError: some address of it is not allowed.
        OSError: it has no address.
    """
    addresses = await _resolve(host)
    for address in addresses:
        if not allowed.permits(host.lower(), address):
            raise ForbiddenTargetError(
                f"{host} is at {address}, which is not public",
                hint="add it to ACTIVITY_CORE_HTTP_ALLOW if it is meant to be reached",
            )
    return addresses[0]


async def _resolve(host: str) -> Sequence[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


def guarded_client(allowed: Sequence[str]) -> httpx.AsyncClient:
    """A client for everything that definitions ask us to reach; redirects are not followed."""
    return httpx.AsyncClient(
        transport=GuardedTransport(AllowList.of(allowed)),
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "activity-core"},
    )
