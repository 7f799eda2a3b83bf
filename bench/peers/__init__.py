"""The peers' consumers and servers: the code that a user of each would write."""
