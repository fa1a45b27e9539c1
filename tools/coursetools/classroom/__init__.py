"""Make of the course what a class needs; `command` says how.

`student` (blanks, and nothing that answers them), `teacher` (solved and executed), `slides`, and
`nbgrader` for those who grade with it.
"""
