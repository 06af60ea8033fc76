"""The pure core: no I/O, no clock, no randomness.

Data comes in as values (events, definitions, context, the time) and goes out as values
(envelopes, decisions, task specs, plans). Everything else in this project exists to feed it
and to write down what it said.
"""
