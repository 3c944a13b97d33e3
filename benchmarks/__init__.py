"""How fast the system is and where its time goes. `python -m benchmarks --help`, or `make bench`."""
