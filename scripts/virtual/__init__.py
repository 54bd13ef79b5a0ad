"""The units under an emulated kernel that enforces their limits: see `virtual.__main__`."""
