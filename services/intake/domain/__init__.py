"""The rules of intake: the ordinary road, the join, a case's life, rounds and numbers. Standard library only."""
