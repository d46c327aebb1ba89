"""The connection to an MQTT broker, which the queue of records and Home Assistant share."""
