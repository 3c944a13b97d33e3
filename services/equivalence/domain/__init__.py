"""The rules of the overseas road: frozen values in, a frozen value with its reasons out. Standard library only."""
