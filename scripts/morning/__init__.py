"""Stand-ins for the morning at the door: a throw-away PKI, a real broker on loopback, the walk-up.

Only the demo, the benchmarks and the tests import this package; no part of the product does.
"""
