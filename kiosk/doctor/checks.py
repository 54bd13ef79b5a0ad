"""Every line of the doctor by name, and what it looks at; docs/doctor.md shows it as a table."""

from __future__ import annotations

from collections.abc import Mapping

CHECKS: Mapping[str, str] = {
    "settings": "the file is valid, headquarters' changes to it too",
    "camera": "opens and gives frames; held by the daemon: its faults",
    "frame rate": "20 frames against `[camera] fps`",
    "focus": "sharpness of the face of who stands there, against `[quality]`",
    "exposure": "light of that face, or of the picture without one",
    "face at 60 cm": "width of that face against `[recognition] min_face_px`",
    "lamps and buzzer": "each is switched on and asked for",
    "badge reader": "the device of `[badge]` is there and readable",
    "keypad": "the device of `[keypad]` is there and readable",
    "buttons": "the pins of `[buttons]` can be had",
    "screen": "its packages are installed, its page answers on loopback",
    "models": "SHA-256 of every weight file of the pack; PAD is on",
    "model latency": "a detection and an embedding on this machine",
    "model answer": "the embedding of a computed picture is the expected one",
    "database ledger": "opens with its key, `PRAGMA quick_check`",
    "database gallery": "the same",
    "disk space": "free for the data, against `[status] disk_low_mb`",
    "disk fsync": "median of nine writes of a page",
    "key files": "all there, modes and owner",
    "key sealing": "TPM2, host key or not at all, by the sealed files",
    "clock": "synchronised, by the kernel, and its estimated error",
    "dns": "the broker's name has an address",
    "broker tls": "reached; chain, name and end of its certificate",
    "certificate": "when our certificate or the CA ends; whether a request to join waits",
    "tls key": "the mode of `[mqtt] key`",
    "receipt": "an empty batch up, headquarters' signed receipt down",
    "temperature": "of the processor, against `[status] temperature_high_c`",
    "power": "what a Raspberry Pi says of its supply",
    "units": "kiosk and kiosk-sync active and enabled, the screen's where there is one",
    "hardening": "`systemd-analyze security` of both",
    "timers": "retention and backup active and enabled, last run well",
    "backup": "age of the newest one",
    "versions": "what is installed against what runs",
    "groups": "the roles' Unix groups",
    "faults": "what stands in the ledger",
    "leftovers": "files that a crash left aside",
}
