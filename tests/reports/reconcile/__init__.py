"""Tests of reports/reconcile."""
