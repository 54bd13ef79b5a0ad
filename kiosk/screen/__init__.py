"""The optional screen: a local page in a kiosk browser.

- `view.py` and `requests.py` are the seam to the door and import neither Starlette nor uvicorn: a
  terminal without a screen never loads them. `server.py` is imported where one is configured.
- The door's thread shows views and frames, takes actions and answers requests; it waits for nothing
  here. The server's thread renders and serves; it touches no database and reads no clock.
- Nothing of a person is kept: one view and one frame in memory, the next replaces both. No frame is
  written to a disk.
"""
