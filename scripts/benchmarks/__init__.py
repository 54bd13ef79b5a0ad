"""Measurements of the parts that have a budget; `./scripts/bench` runs them.

Absolute times belong to the machine; the ratios within one run are what travels.
"""
