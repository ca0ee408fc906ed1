"""What can go wrong with a job as a whole, and with one song of it."""

EXIT_USAGE, EXIT_MODEL, EXIT_SOURCE, EXIT_TARGET, EXIT_RAY, EXIT_SOME_SONGS = 2, 3, 4, 5, 6, 7


class JobError(Exception):
    """Why a job cannot start or go on: one sentence, and the program's exit code for it."""

    def __init__(self, sentence: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(sentence, exit_code)
        self.sentence = sentence
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.sentence


class SongError(Exception):
    """Why one song is not separated, as a sentence for the manifest."""


def reason(error: BaseException) -> str:
    """One line that tells what an error was, without the numbers and types that Python puts around it."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first = text.strip().splitlines()[0] if text.strip() else ""
    if isinstance(error, SongError | JobError | ValueError | OSError) or type(error).__module__ == "demucs_native":
        return first or type(error).__name__
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
