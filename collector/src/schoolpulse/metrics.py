"""The collector's own figures, for /metrics, /healthz and the page. One instance a collector."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Every counter and gauge of one collector, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("received_messages", "Messages received, by kind", "kind")
        self.journalled = self._counter("journalled_messages", "Messages made durable")
        self.duplicates = self._counter(
            "duplicate_batches", "Batches that came again and were not counted twice"
        )
        self.quarantined = self._counter("quarantined_messages", "Messages put aside, by reason", "reason")
        self.discarded_batches = self._counter(
            "discarded_batches", "Batches that agents say they had to discard"
        )
        self.confirms = self._counter("confirms_sent", "Confirms sent to agents")
        self.journal_position = self._gauge("journal_position", "Last position made durable")
        self.journal_bytes = self._gauge("journal_bytes", "Size of the journal")
        self.journal_blocked = self._gauge(
            "journal_blocked", "1 while nothing is acknowledged for want of room"
        )
        self.broker_connected = self._gauge("broker_connected", "1 while connected to the broker")
        self.sink_position = self._gauge("sink_position", "Last position durable in a sink", "sink")
        self.sink_failing = self._gauge("sink_failing", "1 while a sink cannot take messages", "sink")
        self.points_written = self._counter("points_written", "Points written to the store")
        self.points_refused = self._counter("points_refused", "Points that the store refused for good")
        self.open_incidents = self._gauge("open_incidents", "Incidents open now")
        self.webhook_attempts = self._counter(
            "webhook_attempts", "Webhook deliveries tried, by outcome", "outcome"
        )
        self.webhooks_pending = self._gauge("webhooks_pending", "Messages waiting in the outbox")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace="schoolpulse", registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace="schoolpulse", registry=self.registry)
