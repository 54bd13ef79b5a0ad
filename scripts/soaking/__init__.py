"""Long runs of the real programs under load; `./scripts/soak` runs them.

A part is a function in a module of its own that takes a `Course` and gives an `Outcome`;
`__main__` names the parts. All of it stays on loopback and in a temporary folder.
"""
