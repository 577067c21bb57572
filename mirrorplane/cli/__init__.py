"""Commands: flags, exit codes, what a terminal shows, and which concrete parts are put together.

Must not know packet bytes. Each command's module is imported when it is called, so that `--help` and a
wrong flag are answered at once.

* `app`:       the commands and their flags;
* `reading`:   configuration files;
* `startup`:   what the interpreter does for nothing when a command is short;
* `outcome`:   errors -> one line and an exit code;
* `terminal`:  tables and progress;
* the others:  one command each.
"""

from mirrorplane.cli.app import main

__all__ = ["main"]
