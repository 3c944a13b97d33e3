"""What the service does: assess what is filed, take result files in, judge cases again, clear stones away."""
