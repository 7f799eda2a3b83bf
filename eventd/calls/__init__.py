"""One call of a plugin's code, wherever it runs: what it gets, and what it leaves behind.

collector   what it emits, kept until the call is over
state       what it keeps, as far as it is not committed yet
traces      both of them, to be taken back together
keys        what ``order_by`` means
executing   the call of an event type, event by event
messages    what the daemon and a worker process say to each other
parts       a large outcome, cut and put together again
told        what was raised in a worker, as data
location    where in the plugin's code it was raised
"""
