"""The embedded default: four service processes under a small supervisor, with nothing but Python.

`python -m local.demo` runs the stories, `python -m local.up` and `python -m local.down` start and stop a stack.
"""
