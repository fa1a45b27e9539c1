"""The tools of the course: execute, check and render its notebooks.

`python -m coursetools --help` lists the commands; the Makefile calls them.
"""
