"""MQTT brokers that can be started from here, for the first run and for tests."""
