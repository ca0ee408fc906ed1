"""What can go wrong, one class per kind of fault and exit code. Every message is one sentence for
the user."""


class ExportError(Exception):
    """The model cannot be exported, or the exported file is not as good as the model."""

    exit_code = 4


class UsageError(ExportError):
    """The command line or the configuration file asks for something impossible."""

    exit_code = 2


class WeightsError(ExportError):
    """No usable weights came from the asked source."""

    exit_code = 3


class OutputError(ExportError):
    """The files cannot be written."""

    exit_code = 5
