"""Where requests may go: public addresses, and what the settings name."""

from ipaddress import ip_address

import httpx
import pytest

from activity_core.adapters.http.guard import AllowList, ForbiddenTargetError, guarded_client


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_the_public_internet_is_open(address: str):
    assert AllowList().permits("example.com", ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104 - refused
        *("::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "224.0.0.1", "::"),
    ],
)
def test_everything_else_is_closed(address: str):
    assert not AllowList().permits("example.com", ip_address(address))


def test_networks_and_names_that_are_allowed():
    allowed = AllowList.of(["10.1.0.0/16", "Mail.Internal", "::1"])
    assert allowed.permits("any", ip_address("10.1.2.3"))
    assert allowed.permits("any", ip_address("::ffff:10.1.2.3"))
    assert not allowed.permits("any", ip_address("10.2.0.1"))
    assert allowed.permits("mail.internal", ip_address("10.2.0.1"))
    assert allowed.permits("any", ip_address("::1"))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://2130706433:1/"]
)
async def test_a_forbidden_target_is_never_connected_to(url: str):
    async with guarded_client([]) as client:
        with pytest.raises((ForbiddenTargetError, httpx.ConnectError)) as error:
            await client.get(url)
    assert "refused" not in str(error.value).lower()


async def test_a_name_without_an_address():
    async with guarded_client([]) as client:
        with pytest.raises(httpx.ConnectError, match="has no address"):
            await client.get("http://nowhere.invalid/")
