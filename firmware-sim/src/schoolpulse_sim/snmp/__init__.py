"""Devices that answer SNMP over UDP: profiles of what they say, driven by the same scenario as the rest."""
