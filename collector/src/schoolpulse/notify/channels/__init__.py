"""One file a way to deliver; `schoolpulse.notify.channels.registry` names them."""
