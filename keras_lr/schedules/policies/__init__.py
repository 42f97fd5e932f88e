"""Policies: functions that compose schedules."""
