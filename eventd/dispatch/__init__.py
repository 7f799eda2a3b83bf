"""From the journal to the plugins: consumers with cursors, sources, webhooks, readers along.

dispatcher  starts and stops everything below, and tells how it is
feed        reads the journal's tail once and wakes those who want a type
consumer    one handler or event type, from its durable cursor on
handling    one portion of events: together, then one by one, then a dead letter
commits     moves cursors, and commits what handling led to
sources     plugins that produce events, started again when they end
webhooks    plugins behind a route of the http listeners
follow      reading along without a cursor
"""
