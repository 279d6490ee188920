"""SNMP: polling of switches, access points, UPSs, printers and hosts (extra ``snmp``: pysnmp)."""
