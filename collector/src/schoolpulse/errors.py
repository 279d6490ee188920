"""What can go wrong, drawn as one tree. Every error carries a hint for the operator.

SchoolPulseError
├── UsageError              the caller asked for something that cannot be
│   ├── Clash               ... while things stand as they do
│   ├── ConfigError         a configuration with all of its mistakes
│   └── ImportRefused       a registry file with all of its mistakes
├── TooOften                somebody tries again too soon
├── Rejected                one input that goes to quarantine, with its reason
│   └── RejectedBatch       ... a batch that still says which it is, so that it can be confirmed
├── JournalFull             the disk or the limit says stop: nothing is acknowledged
├── SinkUnavailable         a sink cannot take more now; try the same again later
│   └── StoreUnavailable    ... because its database is away or says so
├── BrokerUnavailable       no broker could be started or reached
├── AccountsUnavailable     the broker's accounts cannot be changed now
├── GrafanaRefused          Grafana is away, too old, or says no
├── ReportBusy              too many reports are being made; ask again later
├── ReportFailed            a report could not be put into its form
└── EndpointRefused         a webhook target that policy forbids
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused, for programs and for pages in any language.

    Args:
        code: a word that never changes; its texts are ``refusal.<code>``.
        where: the field at fault; empty where it is none.
        values: fill the names in the texts.
    """

    code: str
    where: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


class SchoolPulseError(Exception):
    """Anything this project raises on purpose.

    Args:
        message: what is wrong, one sentence, no secret and no payload in it.
        hint: what the operator can do about it.
        why: the same for pages; needed where a request over the API can lead here.
    """

    def __init__(self, message: str, *, hint: str = "", why: Reason | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.why = why


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in something a person wrote: where it stands, what it is, what to do."""

    where: str
    message: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.where}: {self.message}{hint}"


class UsageError(SchoolPulseError):
    """The caller asked for something that cannot be; exit status 2."""

    def __init__(
        self,
        message: str,
        problems: Sequence[Problem] = (),
        *,
        hint: str = "",
        why: Reason | None = None,
    ) -> None:
        super().__init__(message, hint=hint, why=why)
        self.problems = tuple(problems)


class Clash(UsageError):
    """The caller asked for something that does not go with what is there: a name that is taken."""


class ConfigError(UsageError):
    """A configuration is refused, with all of its mistakes at once."""


class ImportRefused(UsageError):
    """A registry file is refused whole, with all of its mistakes at once."""


class TooOften(SchoolPulseError):
    """Somebody tries again too soon; nothing was looked at.

    Args:
        retry_after_s: how long to wait.
    """

    def __init__(self, message: str, *, why: Reason, hint: str = "", retry_after_s: float) -> None:
        super().__init__(message, hint=hint, why=why)
        self.retry_after_s = retry_after_s


class Rejected(SchoolPulseError):
    """One input that goes to quarantine.

    Args:
        reason: a word that never changes (``bad_json``, ``time_in_future``); it names the counter.
        detail: which part of the input, without its content.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class RejectedBatch(Rejected):
    """A telemetry batch that goes to quarantine but still says which of its stream it is.

    It is confirmed like any other, or its agent would send it for ever.

    Args:
        rejected: why it is refused.
        stream: the stream that it names.
        seq: its number in that stream.
        sent_at: the sender's clock at this sending, ms; None where it cannot be read.
        boot: names the boot of the machine that sent it; empty where it cannot be read.
    """

    def __init__(
        self, rejected: Rejected, stream: str, seq: int, sent_at: int | None = None, boot: str = ""
    ) -> None:
        super().__init__(rejected.reason, rejected.detail)
        self.stream = stream
        self.seq = seq
        self.sent_at = sent_at
        self.boot = boot


class JournalFull(SchoolPulseError):
    """The journal can take nothing more: no message is acknowledged until it can."""


class SinkUnavailable(SchoolPulseError):
    """A sink cannot take these messages now. They stay in the journal and come again.

    Args:
        retry_after_s: the sink's own word on when, or None for the caller's back-off.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class StoreUnavailable(SinkUnavailable):
    """The point store's database is away, overloaded or refuses us; nothing was lost."""


class BrokerUnavailable(SchoolPulseError):
    """No MQTT broker could be started or reached."""


class AccountsUnavailable(SchoolPulseError):
    """The broker's accounts cannot be read or changed now; what is owed to them is tried again."""


class GrafanaRefused(SchoolPulseError):
    """Grafana is away, too old for these dashboards, or refuses what was asked."""


class EndpointRefused(SchoolPulseError):
    """A webhook target that the operator's policy forbids (scheme, port, private address)."""


class ReportBusy(SchoolPulseError):
    """Too many reports are being made; ask again later."""


class ReportFailed(SchoolPulseError):
    """A report could not be put into its form."""
