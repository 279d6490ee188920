"""What counts as an outage and when somebody is told: every threshold in one place, in milliseconds.

The defaults fit the agent's: a probe round each 10 s, a batch each 30 s, MQTT keepalive 30 s.
"""

from __future__ import annotations

from dataclasses import dataclass

from schoolpulse.incidents.model import IncidentKind

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The engine's settings. Immutable: another policy is another engine."""

    silence_after_ms: int = 2 * MINUTE
    """The heartbeat deadline: silence so long is suspect. A dead connection shows sooner, by
    its will; silence without one may be three batches that are late."""
    silence_confirm_ms: int = 5 * SECOND
    will_grace_ms: int = 10 * SECOND
    """After a will, for the agent to come back by itself before it counts as silence."""
    backup_confirm_ms: int = 6 * SECOND
    path_confirm_ms: int = 20 * SECOND
    """For what probes say while the school speaks: DNS, captive portal, the line behind the gateway."""
    hold_ms: int = 5 * MINUTE
    """Recovered so long is resolved; what fails again before rejoins its incident."""
    outage_min_ms: int = 60 * SECOND
    """A silence so long that was over before it was noticed still goes on the record; nobody is paged."""

    flap_dips: int = 4
    flap_window_ms: int = 10 * MINUTE
    flap_hold_ms: int = 10 * MINUTE
    """So many short interruptions in that window are an outage of their own, held so much longer."""

    late_after_ms: int = 20 * SECOND
    """A message so much slower than the agent's others is history, not a sign of life."""
    overdue_after_ms: int = 36 * SECOND
    """Silence that is not suspect yet but counts where others fall silent in the same moment."""
    gone_after_ms: int = 60 * SECOND
    """Silence that counts there as much as a suspicion: two batches are missing."""
    together_ms: int = 45 * SECOND
    """Schools that were last well within so much of one another fell silent together."""
    group_min: int = 3
    group_max: int = 10
    group_share: float = 0.1
    """Schools of one provider that make a provider's outage: that share, within these bounds."""
    group_hold_ms: int = 2 * MINUTE
    group_over_share: float = 0.2
    """A provider's or district's outage is over when no more than this share of its schools is down."""
    straggler_ms: int = 10 * MINUTE
    """A school still down so long after its provider's outage ended is paged for itself."""

    blind_share: float = 0.6
    blind_min: int = 4
    """So many silent together, of those that spoke: it is us. Fewer schools than the second: never."""
    blind_back_share: float = 0.5
    blind_confirm_ms: int = 15 * SECOND
    rearm_grace_ms: int = 60 * SECOND
    """After blindness, on top of the heartbeat deadline, for everybody to find back."""
    witness_agents: frozenset[str] = frozenset()
    """Agents beside the collector: when their probes fail, it is our own line that is down."""

    international_share: float = 0.5
    international_confirm_ms: int = 60 * SECOND
    degraded_after_ms: int = 15 * MINUTE
    degraded_loss_ratio: float = 0.03
    degraded_rtt_ms: float = 80.0
    degraded_speed_ratio: float = 0.5
    """Loss and delay to national targets, and speed against the contract, that make a ticket."""
    device_confirm_ms: int = 3 * MINUTE
    device_hold_ms: int = 5 * MINUTE

    reboot_dark_ms: int = 2 * MINUTE
    """Boot so soon after the last sign of life: the gateway restarted. Later, and without a device
    behind it to tell (one that was switched on meanwhile, one that was not): it had no power."""
    settle_ms: int = 20 * SECOND
    """After the last late evidence, before the record is amended."""
    explain_ms: int = 24 * HOUR
    """So long after its end an outage may still be explained by late evidence."""

    paged_kinds: frozenset[IncidentKind] = frozenset(
        {
            IncidentKind.OUTAGE,
            IncidentKind.ON_BACKUP,
            IncidentKind.DNS_ONLY,
            IncidentKind.CAPTIVE_PORTAL,
            IncidentKind.INTERNATIONAL_ONLY,
            IncidentKind.BLIND,
        }
    )
    """The other kinds are tickets: on the record and on the page, and nobody's phone rings."""
