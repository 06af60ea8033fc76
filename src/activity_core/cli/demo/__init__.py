"""`activity-core demo`: the main job, shown on real servers.

`stage` starts the stack in a temporary directory, with a shop and a billing database as the
outside world; `story` sends real input and waits for what must follow; `listener` is a plain NATS
client that reads what comes out. The exit code says whether all of it really happened.
"""
