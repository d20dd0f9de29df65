"""The two ways in which a command ends early, each with one clear line instead of a traceback."""


class InputError(ValueError):
    """What the user asked for cannot be done; the message says what would be right."""


class TrainingStopped(RuntimeError):
    """Training cannot go on (a loss that is not finite, say); the message says what is left."""
