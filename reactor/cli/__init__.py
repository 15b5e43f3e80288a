"""The command line: options, apps and the server process."""
