import socket

import pytest

from activity_core.core.errors import ConfigurationError
from activity_core.embedded.ports import choose_ports


def test_all_different_and_free() -> None:
    ports = choose_ports(["a", "b", "c"], demanded={}, preferred={})
    assert set(ports) == {"a", "b", "c"}
    assert len(set(ports.values())) == 3
    for port in ports.values():
        socket.create_server(("127.0.0.1", port)).close()


def test_demanded_before_preferred_before_any() -> None:
    (one,) = choose_ports(["x"], demanded={}, preferred={}).values()
    ports = choose_ports(["a", "b"], demanded={"b": one}, preferred={"a": one})
    assert ports["b"] == one
    assert ports["a"] != one
    assert choose_ports(["a"], demanded={}, preferred={"a": one}) == {"a": one}


def test_one_port_demanded_twice_is_refused() -> None:
    (one,) = choose_ports(["x"], demanded={}, preferred={}).values()
    with pytest.raises(ConfigurationError, match=f"b: port {one} is in use"):
        choose_ports(["a", "b"], demanded={"a": one, "b": one}, preferred={})


def test_an_address_in_use_on_all_interfaces_counts_as_in_use() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is in use by .*pid"):
            choose_ports(["a"], demanded={"a": port}, preferred={})
        assert choose_ports(["a"], demanded={}, preferred={"a": port})["a"] != port
