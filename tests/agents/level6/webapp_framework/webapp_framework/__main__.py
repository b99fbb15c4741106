"""Lets `python -m webapp_framework` run the command line."""

import sys

from webapp_framework.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
