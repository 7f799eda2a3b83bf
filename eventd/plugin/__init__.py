"""Plugins: the contract for their authors, the registry that finds them, injection."""
