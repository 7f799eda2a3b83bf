"""A worker: a process of its own that runs one plugin for the daemon.

main      what the process does, from its birth to its end
task      what it is to be
guard     how it lives and dies with the daemon, and how much memory and processor time it may take
link      its line to the daemon
job       the plugin, built from the daemon's configuration and called
keeping   the plugin's state, which the daemon keeps

It imports nothing of the hub: plugins find a plain Python process.
"""
