"""From the journal to the plugins: consumers with cursors, sources, webhooks, readers along.

dispatcher  starts and stops everything below, and tells how it is
feed        reads the journal's tail once and wakes those who want a type
consumer    one handler or event type, from its durable cursor on
intake      what it has read of the journal, cut into portions
instance    its plugin, kept running: in the daemon (work), or in worker processes (outside, crew, spawning, checking)
handling    one portion of events: together, then one by one, then a dead letter
inhand      which events a plugin has in hand, in case the daemon dies
ordering    events that wait for their next attempt, and those of their key behind them
commits     makes durable what handling led to, several units in flight
progress    how far a consumer is, in numbers
sources     plugins that produce events, started again when they end
webhooks    plugins behind a route of the http listeners
follow      reading along without a cursor
"""
