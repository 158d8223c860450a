"""One static page about a data set: its numbers, its figures and some of its pictures."""

from __future__ import annotations

from dataengine.report.page import REPORT_FILE, write_report

__all__ = ["REPORT_FILE", "write_report"]
