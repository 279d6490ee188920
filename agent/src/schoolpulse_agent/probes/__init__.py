"""One file a source of measurements; `schoolpulse_agent.probes.registry` names them."""
