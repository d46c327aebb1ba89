"""Announces a detector to Home Assistant through an MQTT broker, and does what is set there."""
