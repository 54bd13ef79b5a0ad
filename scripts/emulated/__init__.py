"""The product on an emulated arm64 machine: see `emulated.__main__` and scripts/arm64-test."""
