"""The command line: flags become a configuration, and one command runs."""

import importlib
import sys
from collections.abc import Sequence

from absl import flags
from rich.console import Console

from ieg import command_line, config, help, later, originals, own_code
from ieg.errors import InputError, TrainingStopped, as_flag, spelled


def run(argv: Sequence[str]) -> int:
    """Run one command; see `ieg.main.main`."""
    values = flags.FlagValues()
    try:
        own_code.load(argv)
        command_line.define_flags(values)
        wanted = help.asked(argv[1:])
        if wanted is not None:
            print(wanted)
            return 0
        given = values.read_flags_from_files(list(argv[1:]))
        accepted, notes = originals.accepted(given, values)
        words = values([argv[0], *accepted])[1:]
        if words:
            raise InputError(f"{words[0]!r} is no flag; flags look like --dataset=digits")
        typed = {name: values[name].value for name in values if values[name].present}
        resolved = config.resolve(typed)
        console = Console()
        for note in notes:
            console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
        later.load()
        command = importlib.import_module(f"ieg.commands.{resolved.run.mode}")
        return command.run(resolved, console)
    except (InputError, flags.Error) as error:
        message = spelled(str(error).removeprefix("ERROR:: "), as_flag)
        print(f"error: {message}", file=sys.stderr)
        return 2
    except TrainingStopped as error:
        print(f"stopped: {spelled(str(error), as_flag)}", file=sys.stderr)
        return 1
