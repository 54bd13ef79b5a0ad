"""Headquarters: the reference receiver of the MQTT contract."""
