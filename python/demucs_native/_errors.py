"""Why a released model cannot be had, one class per kind of fault and exit code of `demucs-models`."""


class FetchError(RuntimeError):
    """A released model cannot be had; the message is one sentence for the user."""

    exit_code = 1


class RequestError(FetchError):
    """There is no such model, or the base URL is one that is never used."""

    exit_code = 2


class DownloadError(FetchError):
    """The network or the server does not deliver, or must not be asked."""

    exit_code = 3


class DamagedFileError(FetchError):
    """A file is not the released one."""

    exit_code = 4


class CacheError(FetchError):
    """The cache folder cannot be used."""

    exit_code = 5
