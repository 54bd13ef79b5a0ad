"""The MQTT contract, version 1: every topic and payload between a terminal and headquarters.

Rules of compatibility, which every module here keeps:
- Within version 1 fields are only added. A reader keeps fields that it does not know and never
  refuses a message because of them.
- An event type that a reader does not know is passed over: its place in the chain still counts.
- A change of a field's meaning is another version: another topic root (`kiosk/v2/…`).
- What is signed is signed over its RFC 8785 form, so a parsed message can be checked again.
- Any bytes whatever give a value or an error of `sync.contract.errors`; nothing else is raised.

No network, no disk and no clock here: instants and keys are arguments.
"""
