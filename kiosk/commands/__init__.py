"""The commands of `kiosk`, one module a group."""
