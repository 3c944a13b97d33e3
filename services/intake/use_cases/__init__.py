"""The verbs of intake: submit, amend, withdraw, erase, and what time does to a case."""
