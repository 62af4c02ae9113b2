"""The subcommands of `patdsl`, one module each; `patdsl/cli.py` loads the one that is called."""
