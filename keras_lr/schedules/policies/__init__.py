"""Recipes: functions that compose schedules."""
