"""`kiosk-update`: signed releases beside each other, switched by a link, watched, taken back.

- Nothing of a release is opened before its signature holds.
- A step is written down (`state`) before it is begun, and can be done again: a power cut at any
  point leaves a terminal that starts a whole program, and `resume` goes on from there.
- The one that finishes an update is the last program that proved healthy (`updater`), never the
  new.
- Only the state machine's last step forgets the way back.
- This package runs as root and opens no database and no key; what must, runs as the user kiosk
  (`trial`, by kiosk-update-trial.service).
"""
