"""What the daemon tells of itself: counts, health, metrics, logs."""
