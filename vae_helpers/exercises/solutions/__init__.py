"""The course's own solutions: one module a notebook, one function, class or value a question.

`Question.solution()` prints them; nothing else reads them. Every question judges without them, so
an edition for a class may leave this folder out.

A solution has the name of its question and is printed under the name that the learner's cell
defines. A class has that name already, and is bound to the question's. A value is what a function
without arguments returns; its body is printed, with an assignment for the `return`. np, tf and
keras are imported as in every notebook; what else is needed comes by `from ... import ...`, and
that line is printed too.
"""
