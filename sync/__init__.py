"""The process that talks to the network: MQTT contract, transport and outbox courier."""
