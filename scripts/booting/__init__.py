"""The units under a real systemd as PID 1, in a container of this machine."""
