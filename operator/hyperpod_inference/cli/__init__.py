"""The command line: `main` is the entry, every other module holds one command."""
