"""Addresses of clients, as they are compared, kept and counted."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(text: str) -> Address | None:
    """One of IPv4 that a socket for both kinds has written as IPv6 (``::ffff:192.0.2.1``) is itself again, and the
    interface that one came through (``%eth0``) is no part of it. None when it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted_as(text: str) -> str:
    """What a single customer has: an address of IPv4, of IPv6 a network of 64 bits. All that have no address, which
    only a proxy that is not in TRUSTED_PROXIES hides, are counted as one."""
    address = parsed(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return "unknown" if address is None else str(address)
