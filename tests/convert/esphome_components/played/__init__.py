"""A microphone that plays a recording on ESPHome's host platform."""
