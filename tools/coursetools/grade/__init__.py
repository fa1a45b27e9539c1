"""Grade the notebooks that learners hand in; `command` says how.

Read in this order: `collect` (which file is whose, and of which notebook), `execute` and `worker`
(a process of its own for each), `kernel` (what runs in there beside the learner's code), `results`
(statuses and points), `report` (the pages).
"""
