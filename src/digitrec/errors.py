"""Mistakes that a user can mend: shown as one message, without a traceback."""


class DigitrecError(Exception):
    """What went wrong, where, what was expected and what to do about it."""

    exit_status = 1


class ParamsError(DigitrecError):
    """`params.yaml` asks for something that cannot be."""

    exit_status = 2

    def __init__(self, mistakes: list[str], source: str = "params.yaml"):
        self.mistakes, self.source = list(mistakes), source
        count = f"{len(mistakes)} mistake" + ("s" if len(mistakes) > 1 else "")
        lines = [f"{count} in {source} (nothing was run or written):"]
        super().__init__("\n".join(lines + [f"  {source}: {mistake}" for mistake in mistakes]))

    def __reduce__(self) -> tuple:
        # A worker process may raise it; made again from its message, it would take letters for mistakes.
        return type(self), (self.mistakes, self.source)


class DownloadError(DigitrecError):
    """No source gave the file."""


class DataError(DigitrecError):
    """Arrays that are not the images or labels they should be."""


class ArtifactError(DigitrecError):
    """A file that could not be written or read."""


class CheckpointError(DigitrecError):
    """A checkpoint that is damaged or does not fit its network."""


class TrainingDiverged(DigitrecError):
    """The loss became NaN or infinite."""
