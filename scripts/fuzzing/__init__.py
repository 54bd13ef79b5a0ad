"""Seeded random input into every parser of what comes from outside; `./scripts/fuzz` runs it.

- A parser is a `Parser` (`course`): how a case is made from a seed, who reads it, and which errors
  it may raise. `terminal`, `headquarters` and `files` list them; `__main__` runs them.
- Real messages are the beginning: they are mangled as bytes, exchanged value by value, and signed
  again with the right key, so that what lies behind the signatures is reached too.
- Plain seeded mutation: on the machine of the first long run it made 6,700 cases a second where
  hypothesis, with the strategy of tests/sync/test_parsers.py, made 440.
"""
