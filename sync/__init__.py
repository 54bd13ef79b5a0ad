"""The process that talks to the network: the MQTT contract, its transport and the outbox courier."""
