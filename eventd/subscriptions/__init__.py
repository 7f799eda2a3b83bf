"""What clients see of the journal: live subscriptions, durable ones, and who is there.

    desk        opens subscriptions; knows all of them
    lines       live ones that ask for the same; groups: durable ones
    shape       what is wanted, and how it is written
    frames      ``events`` messages cut from the journal, each once for all who asked for the same
    live        the edge of the journal: one write for each subscriber that has everything before it
    subscriber  one live subscription: at the edge, or catching up in its own time
    group       a durable subscription: its place, and its members in turn
    found       events that were handed out before, read again
    settling    how far it is, and making that durable
    verdicts    what members say of events that are not simply done
    unsettled   what the members of a group hold
    member      one member of a group
    places      where a subscription begins, and whether something is missing there
    presence    who is subscribed, and telling those who ask
    outlet      what is needed of a connection

A subscription reads the journal's tail memory, and the disk when it lags. What a slow one
costs is its own window.
"""
