"""Improve labels: review mistakes, mine false alarms, suggest labels for new recordings."""
