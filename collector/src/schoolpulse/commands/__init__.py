"""One file a sub-command of `schoolpulse`.

Each has ``register(subparsers)``, which adds its parser with ``set_defaults(run=run)``, and
``run(args) -> int``, the exit status. What is heavy is imported in `run`, so that ``--help`` is quick.
"""
