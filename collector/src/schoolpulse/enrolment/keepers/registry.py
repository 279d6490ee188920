"""Every kind of keeper by name. A new one is its own file, its settings and two lines here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schoolpulse.enrolment.keepers.base import AccountKeeper
from schoolpulse.enrolment.keepers.dynsec import Dynsec
from schoolpulse.enrolment.keepers.nobody import Nobody
from schoolpulse.enrolment.keepers.password_file import PasswordFile
from schoolpulse.enrolment.settings import AccountSettings
from schoolpulse.ingest.settings import BrokerSettings


def _dynsec(settings: Any, broker: BrokerSettings) -> AccountKeeper:
    from schoolpulse.enrolment.keepers.dynsec_control import MqttControl  # noqa: PLC0415  # paho, for who uses it

    return Dynsec(MqttControl(broker, settings))


KEEPERS: Mapping[str, Callable[[Any, BrokerSettings], AccountKeeper]] = {
    "none": lambda _settings, _broker: Nobody(),
    "dynsec": _dynsec,
    "password_file": lambda settings, _broker: PasswordFile(settings),
}


def create_keeper(settings: AccountSettings, broker: BrokerSettings) -> AccountKeeper:
    """The keeper that `settings` ask for, for the broker that the collector itself uses."""
    return KEEPERS[settings.kind](settings, broker)
