"""Better labels: mistakes to review, false alarms to mine, events to suggest."""
