"""Faults around the services: servers stop, freeze and fill up, lines are spoiled, members come and go."""
