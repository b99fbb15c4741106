"""The command line: new projects, a server, a list of routes, a prompt."""
