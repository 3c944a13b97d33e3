"""What notify does on its own: sends what is due, counts what waits, removes old stones."""
