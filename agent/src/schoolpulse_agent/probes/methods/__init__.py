"""Ways to ask whether something answers, one file each."""

from __future__ import annotations

from schoolpulse_agent.probes.methods import dns, edge, http, icmp, tcp
from schoolpulse_agent.probes.methods.engine import Method

METHODS: dict[str, Method] = {
    "icmp": icmp.ask,
    "edge": edge.ask,
    "tcp": tcp.ask,
    "dns": dns.ask,
    "http": http.ask,
}
"""A new method is a file and a line here."""
