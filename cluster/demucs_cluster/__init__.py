"""Whole libraries on a Ray cluster: songs from any storage in, stems and a manifest out.

>>> import demucs_cluster
>>> demucs_cluster.separate("s3://music/flac", "s3://music/stems", "htdemucs.onnx", address="auto")
>>> print(demucs_cluster.read_report("s3://music/stems").audio_hours)
"""

from .errors import JobError
from .job import Summary, separate
from .report import Report
from .report import read as read_report
from .settings import Resources, Settings

__all__ = ["JobError", "Report", "Resources", "Settings", "Summary", "read_report", "separate"]
