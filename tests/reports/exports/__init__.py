"""Tests of reports/exports."""
