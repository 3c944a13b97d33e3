"""Backup and restore of stores, topics and group offsets, through ports of their own; see `docs/how-to/backup.md`."""
