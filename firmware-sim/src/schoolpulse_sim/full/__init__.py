"""Full fidelity: real agent processes whose probes see a simulated school and whose line can be cut."""
